/** Whether the port is free, or who answers there. */
import type { Config } from "../settings/config.ts";
import { type Check, fine } from "../ports/check.ts";
import { messageOf } from "../std/errors.ts";
import type { Owner } from "./world.ts";

const ANSWER_MS = 2000;

/** Checks the port that `start` would listen on. */
export async function portCheck(
  { hostname, port }: Pick<Config, "hostname" | "port">,
  owner: Owner | null,
): Promise<Check> {
  const check = "port";
  const host = hostname.replace(/^\[|\]$/g, "");
  const at = `${host}, port ${port}`;
  try {
    Deno.listen({ hostname: host, port }).close();
    return fine(check, port === 0 ? "a free one is taken" : `${at} is free`);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) {
      const found = `cannot listen on ${at}: ${messageOf(error)}`;
      return { check, state: "fail", found, advice: "give another --port or --hostname" };
    }
  }
  const own = owner !== null && owner.url !== null && Number(new URL(owner.url).port) === port;
  if (own) return fine(check, `${at} is the running process's`);
  return {
    check,
    state: "fail",
    found: `${at} is taken by ${await whoAnswers(host, port)}`,
    advice: "stop that, or give another --port (0 takes a free one)",
  };
}

async function whoAnswers(host: string, port: number): Promise<string> {
  const name = host.includes(":") ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${name}:${port}/api/v1/status`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { version, topics } = await response.json();
    if (typeof version === "string" && Array.isArray(topics)) {
      return `a Twofold ${version} with another data folder`;
    }
  } catch { /* It does not speak HTTP, or no JSON: it is something else. */ }
  return "another program";
}
