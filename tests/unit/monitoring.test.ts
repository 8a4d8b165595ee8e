import { describe, expect, it } from "testing";
import { join } from "node:path";
import { parse } from "yaml";
import { createApi } from "../../routes/api/api.ts";
import { settings } from "../../runtime/settings/config.ts";
import { fakeServices } from "../support/fake_services.ts";
import { someStatus } from "../support/sample_answers.ts";

const root = new URL("../../", import.meta.url).pathname;
const read = (path: string) => Deno.readTextFile(join(root, path));

/** Names that start like ours in a text. */
const metricNames = (text: string) => [
  ...new Set(text.match(/\b(twofold|process)_[a-z_]+\b/g) ?? []),
];

async function exposed(): Promise<string[]> {
  const [plugin] = someStatus.plugins;
  const failing = { ...plugin.batch, failing_since: someStatus.started, error: "broken" };
  const not_compared = { reason: "speed_behind", message: "", since: someStatus.started } as const;
  const plugins = [{ ...plugin, batch: failing, not_compared }];
  const status = () => Promise.resolve({ ...someStatus, plugins });
  const response = await createApi(fakeServices({ status })).request("/metrics");
  const types = (await response.text()).matchAll(/^# TYPE (\S+)/gm);
  return [...types].map(([, name]) => name);
}

interface Service {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[];
}

describe("compose.yaml", () => {
  const compose = async () =>
    parse(await read("compose.yaml"), { merge: true }) as {
      services: Record<string, Service>;
      volumes: Record<string, unknown>;
      configs: Record<string, { content: string }>;
    };

  it("has two workers, pinned images, loopback ports, and no default secrets", async () => {
    const { services } = await compose();
    expect(Object.keys(services)).toEqual([
      "worker-1",
      "worker-2",
      "kafka",
      "minio",
      "bucket",
      "clickhouse",
      "prometheus",
      "grafana",
    ]);
    for (const { image, ports = [] } of Object.values(services)) {
      if (image !== undefined) expect(image).toMatch(/:(?!latest)[\w.-]*\d/);
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    const secrets = Object.values(services).flatMap(({ environment = {} }) =>
      Object.entries(environment).filter(([name]) => /PASSWORD$|SECRET|TOKEN/.test(name))
    );
    expect(secrets.length).toBeGreaterThan(5);
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{\w+:\?/);
  });

  it("gives workers known settings, and uses what it declares", async () => {
    const { services, volumes } = await compose();
    const known = Object.values(settings).map(({ env }) => env);
    const names = Object.keys(services["worker-1"].environment!);
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
    expect(services["worker-1"].environment).toEqual(services["worker-2"].environment);
    const used = Object.values(services).flatMap(({ volumes = [] }) => volumes)
      .map((volume) => volume.split(":")[0]);
    expect(used.filter((name) => !name.startsWith("./")).sort()).toEqual(
      Object.keys(volumes).sort(),
    );
    for (const path of used.filter((name) => name.startsWith("./"))) {
      await Deno.stat(join(root, path));
    }
    for (const { depends_on = [] } of Object.values(services)) {
      const others = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on);
      expect(others.filter((name) => !(name in services))).toEqual([]);
    }
    expect([services.prometheus.profiles, services.grafana.profiles]).toEqual([
      ["monitoring"],
      ["monitoring"],
    ]);
  });
});

describe("what watches the workers", () => {
  it("a part that is not reached is told with the time since when", async () => {
    const since = "2026-01-01T00:00:10.000Z";
    const unreached = [{ part: "warehouse" as const, since, error: "refused" }];
    const status = () => Promise.resolve({ ...someStatus, ready: false, unreached });
    const response = await createApi(fakeServices({ status })).request("/metrics");
    const lines = (await response.text()).split("\n").filter((line) => /^twofold_part_/.test(line));
    expect(lines).toEqual([
      'twofold_part_reached{part="log"} 1',
      'twofold_part_reached{part="archive"} 1',
      'twofold_part_reached{part="warehouse"} 0',
      `twofold_part_unreached_since_seconds{part="warehouse"} ${Date.parse(since) / 1000}`,
    ]);
  });

  it("the scrub is told while there is one", async () => {
    const finished = "2026-01-01T00:00:10.000Z";
    const scrub = { started: null, finished, checked_bytes: 5, total_bytes: 7 };
    const status = () => Promise.resolve({ ...someStatus, scrub });
    const response = await createApi(fakeServices({ status })).request("/metrics");
    const lines = (await response.text()).split("\n").filter((line) =>
      /^twofold_scrub_/.test(line)
    );
    expect(lines).toEqual([
      "twofold_scrub_checked_bytes 5",
      "twofold_scrub_total_bytes 7",
      `twofold_scrub_finished_timestamp_seconds ${Date.parse(finished) / 1000}`,
    ]);
  });

  it("the dashboard and the alerts ask for known metrics", async () => {
    const names = await exposed();
    const dashboard = await read("tools/monitoring/grafana/dashboards/twofold.json");
    const exprs = (JSON.parse(dashboard).panels as { targets: { expr: string }[] }[])
      .flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const asked = metricNames([...exprs, await read("tools/monitoring/alerts.yml")].join("\n"));
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("Prometheus is told of known services", async () => {
    const { services } = parse(await read("compose.yaml"), { merge: true });
    const { scrape_configs: [{ static_configs: [{ targets }] }] } = parse(
      await read("tools/monitoring/prometheus.yml"),
    );
    expect(
      targets.map((target: string) => target.split(":")[0]).filter((name: string) =>
        !(name in services)
      ),
    ).toEqual([]);
  });

  it("the dashboard of the relations asks a known data source", async () => {
    const { datasources } = parse(
      await read("tools/monitoring/grafana/datasources/clickhouse.yml"),
    );
    const dashboard = await read("tools/monitoring/grafana/dashboards/movies.json");
    const sources = new Set(dashboard.match(/"uid": "click\w+"/g));
    expect([...sources]).toEqual([`"uid": "${datasources[0].uid}"`]);
    const { services } = parse(await read("compose.yaml"), { merge: true });
    expect(services.clickhouse.environment).toHaveProperty("TWOFOLD_CLICKHOUSE_PASSWORD");
    expect(datasources[0].jsonData.host in services).toBe(true);
  });
});
