/**
 * Runs the benches one after the other, each in a process of its own: the warehouse opens one folder
 * per process, and what one bench compiled does not help the next.
 *
 * Run: `deno task bench [--quick] [name …]`, names being those of the files.
 */
const BENCHES = [
  "decode",
  "measures",
  "speed",
  "plugins",
  "batch_run",
  "queries",
  "process",
  "api",
  "live",
  "idle",
  "memory",
];

const named = Deno.args.filter((arg) => !arg.startsWith("--"));
const unknown = named.find((name) => !BENCHES.includes(name));
if (unknown !== undefined) {
  console.error(`Cannot run bench "${unknown}": expected one of ${BENCHES.join(", ")}`);
  Deno.exit(2);
}
const flags = Deno.args.filter((arg) => arg.startsWith("--"));
let failed = 0;
for (const name of BENCHES.filter((name) => named.length === 0 || named.includes(name))) {
  const script = new URL(`./${name}.ts`, import.meta.url).pathname;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, ...flags],
  }).spawn().status;
  if (!success) failed++;
}
Deno.exit(failed === 0 ? 0 : 1);
