/** Where the servers are that the tests in `tests/servers/` need. */

/**
 * A variable that `deno task test:servers` sets.
 *
 * @throws Error that says how to run these tests.
 */
export function serverSetting(name: string): string {
  const value = Deno.env.get(name);
  if (value) return value;
  throw new Error(`${name} is not set: these tests need servers, run "deno task test:servers"`);
}

/** All settings by which Twofold reaches the servers. */
export function allServerSettings(): Record<string, string> {
  const names = [
    "KAFKA_BROKERS",
    "S3_ENDPOINT",
    "S3_BUCKET",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "CLICKHOUSE_URL",
    "CLICKHOUSE_USER",
    "CLICKHOUSE_PASSWORD",
  ];
  return Object.fromEntries(
    names.map((name) => `TWOFOLD_${name}`).map((name) => [name, serverSetting(name)]),
  );
}
