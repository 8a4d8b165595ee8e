/** The partitions of the logs, asked again every second. */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Status } from "../runtime/ports/services.ts";
import { figure, instantText } from "../routes/(_parts)/figures.ts";
import { Term } from "../routes/(_parts)/Term.tsx";
import { getJson, usePoll } from "../routes/(_parts)/poll.ts";

const EVERY_MS = 1000;
const WEIGHT = 0.4;

interface Before {
  readonly ms: number;
  readonly ends: ReadonlyMap<string, number>;
  readonly rates: ReadonlyMap<string, number>;
}

/** One table per topic. */
export default function Partitions(props: { readonly status: Status }) {
  const status = useSignal(props.status);
  const before = useRef<Before | null>(null);
  usePoll(EVERY_MS, async (signal) => {
    const next = await getJson<Status>("/api/v1/status", signal);
    before.current = ratesOf(before.current, next);
    status.value = next;
  });
  const rates = before.current?.rates;
  return (
    <>
      {status.value.topics.map(({ topic, log, partitions }) => (
        <section key={topic} aria-labelledby={`topic-${topic}`}>
          <h2 id={`topic-${topic}`}>{topic}</h2>
          <p class="hint">
            <code>{log}</code>
          </p>
          <div class="scroll" tabIndex={0} role="region" aria-labelledby={`topic-${topic}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">Partition</th>
                  <th scope="col" class="number">Events/s</th>
                  <th scope="col" class="number">Begin</th>
                  <th scope="col" class="number">End</th>
                  <th scope="col" class="number">
                    <Term of="lag">Lag</Term>
                  </th>
                  <th scope="col" class="number">
                    <Term of="archive">Archived</Term>
                  </th>
                  <th scope="col" class="number">
                    <Term of="cut">Cut</Term>
                  </th>
                  <th scope="col" class="number">
                    <Term of="late event">Late</Term>
                  </th>
                  <th scope="col" class="number">
                    <Term of="future event">Future</Term>
                  </th>
                  <th scope="col" class="number">
                    <Term of="repeat">Repeats</Term>
                  </th>
                  <th scope="col" class="number">
                    <Term of="dead letter">Dead letters</Term>
                  </th>
                  <th scope="col">
                    <Term of="watermark">Newest event (UTC)</Term>
                  </th>
                </tr>
              </thead>
              <tbody>
                {partitions.map((p) => (
                  <tr key={p.partition}>
                    <th scope="row">
                      {p.partition}
                      {p.error !== null && <p class="fault">{p.error}</p>}
                    </th>
                    <td class="number">{figure(rates?.get(`${topic} ${p.partition}`))}</td>
                    <td class="number">{figure(Number(p.log_start))}</td>
                    <td class="number">{figure(Number(p.log_end))}</td>
                    <td class="number">{figure(p.lag_records)}</td>
                    <td class="number">{figure(Number(p.archived))}</td>
                    <td class="number">{figure(Number(p.cut))}</td>
                    <td class="number">{figure(p.late_events)}</td>
                    <td class="number">{figure(p.future_events)}</td>
                    <td class="number">{figure(p.repeats)}</td>
                    <td class="number">{figure(p.dead_letters)}</td>
                    <td>{instantText(p.watermark)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      ))}
    </>
  );
}

function ratesOf(before: Before | null, { topics }: Status): Before {
  const ms = performance.now();
  const ends = new Map(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map((p) => [`${topic} ${p.partition}`, Number(p.log_end)] as const)
    ),
  );
  const rates = new Map<string, number>();
  for (const [name, end] of ends) {
    const last = before?.ends.get(name);
    if (before === null || last === undefined) continue;
    const now = Math.max(end - last, 0) * 1000 / Math.max(ms - before.ms, 1);
    const known = before.rates.get(name) ?? now;
    rates.set(name, known * (1 - WEIGHT) + now * WEIGHT);
  }
  return { ms, ends, rates };
}
