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
