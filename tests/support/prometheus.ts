/** A real Prometheus that scrapes one worker, by the configuration that is shipped. */
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { requirePrograms } from "../../tools/services/service.ts";
import { eventually } from "./eventually.ts";

const MONITORING = join(import.meta.dirname!, "../../tools/monitoring");

/** A value of an expression, with its labels. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [seconds: number, value: string];
}

/** A Prometheus on a port of its own. */
export class Prometheus {
  private constructor(
    readonly url: string,
    readonly child: Deno.ChildProcess,
    readonly dir: string,
  ) {}

  /** Starts it; it scrapes `target`, `host:port`, each second. */
  static async start(target: string): Promise<Prometheus> {
    await requirePrograms("This test", [{ name: "prometheus", debianPackage: "prometheus" }]);
    const dir = await Deno.makeTempDir({ prefix: "twofold-prometheus-" });
    const config = parse(await Deno.readTextFile(join(MONITORING, "prometheus.yml")));
    config.global = { scrape_interval: "1s", evaluation_interval: "1s" };
    config.scrape_configs[0].static_configs = [{ targets: [target] }];
    await Deno.writeTextFile(join(dir, "prometheus.yml"), stringify(config));
    await Deno.copyFile(join(MONITORING, "alerts.yml"), join(dir, "alerts.yml"));
    const port = freePort();
    const child = new Deno.Command("prometheus", {
      args: [
        `--config.file=${join(dir, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(dir, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child, dir);
    await eventually("Prometheus to answer", async () => {
      const response = await fetch(`${prometheus.url}/-/ready`);
      await response.body?.cancel();
      return response.ok;
    });
    return prometheus;
  }

  /** The values of an expression, now. @throws Error with Prometheus' message. */
  async query(expr: string): Promise<Sample[]> {
    const { data } = await this.#get(`query?${new URLSearchParams({ query: expr })}`);
    return data.result;
  }

  /** By the names of the alerts, how each stands: `inactive`, `pending` or `firing`. */
  async alerts(): Promise<Record<string, string>> {
    const { data } = await this.#get("rules?type=alert");
    const groups: { rules: { name: string; state: string }[] }[] = data.groups;
    return Object.fromEntries(
      groups.flatMap(({ rules }) => rules.map(({ name, state }) => [name, state])),
    );
  }

  async close(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.status;
    await Deno.remove(this.dir, { recursive: true });
  }

  async #get(path: string) {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const answer = await response.json();
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer;
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
