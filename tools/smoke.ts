/**
 * Asks a running process once what a newcomer would: sends an event, reads it back from the merged
 * layer, looks at the page. Its argument is where the process listens. Exits with 1 when an answer
 * is not right.
 */

const base = Deno.args[0];
/** Of no use to the simulator. */
const user = 4_000_000_001;

async function ask(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(base + path, init);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response;
}

function expect(what: string, holds: boolean): void {
  if (!holds) throw new Error(`${what}: no`);
  console.log(`${what}: yes`);
}

const event = {
  event_id: crypto.randomUUID(),
  user_id: user,
  movie_id: 7,
  event_type: "view",
  timestamp: new Date().toISOString(),
  duration: 12.5,
};
const line = JSON.stringify(event);
const sent = await ask("/api/v1/events", {
  method: "POST",
  headers: { "content-type": "application/x-ndjson" },
  body: `${line}\n${line}\n{"no": "event"}\n`,
});
const taken = await sent.json();
expect("two events are accepted and one line is rejected", taken.accepted === 2);
expect("the rejected line is told", taken.rejected[0]?.line === 3 && taken.rejected_total === 1);
const query = new URLSearchParams({ user_id: String(user), wait_for: taken.frontier });
const { rows } = await (await ask(`/api/v1/metrics/user_stats?${query}`)).json();
expect("the event counts once at once", rows[0]?.total_events === 1);
expect("its average is right", rows[0]?.avg_duration === 12.5);
const status = await (await ask("/api/v1/status")).json();
expect("the status tells of four plugins or more", status.plugins.length >= 4);
const page = await (await ask("/")).text();
expect("the page shows the metrics", page.includes("Popular movies"));
