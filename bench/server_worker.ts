/**
 * A worker of `bench:servers`: what `start` runs, with the four plugins that all figures are of.
 * Writes lines of JSON: where it listens; and, told "profile" and later "shares" on its input, where
 * its time went in between.
 */
import { createApp } from "../routes/app.ts";
import { systemClock } from "../runtime/std/clock.ts";
import { listen } from "../runtime/commands/listen.ts";
import { readConfig } from "../runtime/settings/config.ts";
import { openEngine } from "../runtime/engine/engine.ts";
import { shareAnswers } from "../runtime/engine/shared_answers.ts";
import { createInterface } from "node:readline";
import { profileOf, startProfile } from "./profile.ts";

const [root, data] = Deno.args;
const flags = { port: "0", data };
const config = readConfig({ command: "start", flags, env: Deno.env.toObject() });
const engine = await openEngine(config, {
  root,
  version: "bench",
  onProblem: (message, error) => console.error(message, error),
});
const app = createApp(shareAnswers(engine, systemClock), null);
const listener = listen(app.fetch, config, systemClock);
engine.start();
console.log(JSON.stringify({ url: listener.url }));

Deno.addSignalListener("SIGTERM", async () => {
  await listener.shutdown();
  await engine.close();
  Deno.exit(0);
});
for await (const line of createInterface({ input: (await import("node:process")).stdin })) {
  if (line === "profile") await startProfile();
  if (line === "shares") console.log(JSON.stringify(await profileOf()));
}
