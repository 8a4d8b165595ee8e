import type { ConfigInput } from "../settings/config.ts";
import type { Check } from "../ports/check.ts";
import { checksOf } from "./doctor_checks.ts";
import { plain } from "./table.ts";
import { paint } from "./text.ts";
import type { Terminal, World } from "./world.ts";

const COLOURS = { ok: "green", warn: "yellow", fail: "red" } as const;

/** Checks whether Twofold can run with these settings; returns the exit code: 1 when one fails. */
export async function doctorCommand(
  given: Required<Pick<ConfigInput, "flags" | "env">>,
  { json }: { readonly json: boolean },
  world: World,
): Promise<number> {
  const checks: Check[] = [];
  for await (const check of checksOf(given, world)) {
    checks.push(check);
    if (!json) world.out.write(checkText(check, world.out));
  }
  const ok = checks.every(({ state }) => state !== "fail");
  if (json) world.out.write(`${JSON.stringify({ ok, checks }, null, 2)}\n`);
  return ok ? 0 : 1;
}

function checkText({ check, state, found, advice }: Check, terminal: Terminal): string {
  const head = paint(terminal, COLOURS[state], state.padEnd(4));
  const lines = found.split("\n").map((line, i) =>
    i === 0 ? `${head}  ${check.padEnd(9)}  ${plain(line)}\n` : `${" ".repeat(17)}${plain(line)}\n`
  );
  return lines.join("") + (advice === null ? "" : `${" ".repeat(15)}→ ${plain(advice)}\n`);
}
