/** The first page's figures, asked again every second. */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { MetricAnswer, MetricInfo, Status } from "../runtime/ports/services.ts";
import {
  figure,
  type Figures,
  figuresOf,
  instantText,
  spanText,
} from "../routes/(_parts)/figures.ts";
import { Flow } from "../routes/(_parts)/Flow.tsx";
import { ProblemList } from "../routes/(_parts)/ProblemList.tsx";
import type { ListedRun } from "./RunList.tsx";
import { getJson, usePoll } from "../routes/(_parts)/poll.ts";
import { type Names, Rows } from "../routes/(_parts)/Rows.tsx";
import { Sparkline } from "../routes/(_parts)/Sparkline.tsx";

/** What the first page shows, as of one moment. */
export interface OverviewData {
  /** ISO 8601, by the server's clock. */
  readonly at: string;
  readonly status: Status | null;
  /** The newest batch run, maybe under way. */
  readonly run: ListedRun | null;
  /** Events counted today (UTC), and by hour of the last 24; null where no metric tells. */
  readonly today: {
    readonly events: number;
    readonly hours: readonly (number | null)[];
  } | null;
  /** Users with events in the last five minutes; null where no metric tells. */
  readonly activeUsers: number | null;
  readonly tops: readonly TopRows[];
}

/** A metric's first rows, or why there are none. */
export interface TopRows {
  readonly info: MetricInfo;
  readonly answer: MetricAnswer | null;
  readonly fault: string | null;
  readonly names: Names;
}

const EVERY_MS = 1000;
const KEPT_SAMPLES = 60;
/** How much the newest second counts in the rate. */
const WEIGHT = 0.4;

interface Sample {
  readonly ms: number;
  readonly records: number;
  readonly rate: number | null;
  readonly age: number | null;
  readonly users: number | null;
}

/** The part of the first page that lives. */
export default function Overview(props: {
  readonly initial: OverviewData;
  readonly pages: Readonly<Record<string, string>>;
}) {
  const data = useSignal(props.initial);
  const samples = useRef<Sample[]>([]);
  const connection = usePoll(EVERY_MS, async (signal) => {
    const next = await getJson<OverviewData>("/overview.json", signal);
    samples.current = sampled(samples.current, next);
    data.value = next;
  });
  const { status, run, tops } = data.value;
  const figures = status === null ? null : figuresOf(status);
  const lost = connection.value === "lost";
  const rate = lost ? null : samples.current.at(-1)?.rate ?? null;
  return (
    <div data-stale={lost ? "yes" : undefined}>
      {lost && (
        <p class="note fault" role="status">
          Disconnected, retrying …, as of {instantText(data.value.at)}
        </p>
      )}
      {status === null
        ? <p class="note fault" role="status">The status is not available.</p>
        : <ProblemList problems={status.problems} />}
      {figures !== null && (
        <>
          <Tiles data={data.value} figures={figures} rate={rate} samples={samples.current} />
          <section aria-labelledby="flow">
            <h2 id="flow">Data flow</h2>
            <Flow figures={figures} rate={rate} run={run} />
            <NextStep
              empty={figures.records === 0}
              published={status!.plugins.some(({ run }) => run !== null)}
            />
          </section>
        </>
      )}
      <section aria-labelledby="metrics">
        <h2 id="metrics" tabIndex={-1}>Metrics</h2>
        <p class="hint">Top ten of all time, merged.</p>
        <div class="metrics">
          {tops.map((top) => <Top key={top.info.name} {...top} pages={props.pages} />)}
        </div>
      </section>
    </div>
  );
}

function ageOf(data: OverviewData, figures: Figures): number | null {
  if (figures.newestEvent === null) return null;
  return Math.max(Date.parse(data.at) - Date.parse(figures.newestEvent), 0) / 1000;
}

function sampled(before: readonly Sample[], data: OverviewData): Sample[] {
  if (data.status === null) return [...before];
  const figures = figuresOf(data.status);
  const ms = Date.parse(data.at);
  const last = before.at(-1);
  const { records } = figures;
  const now = last === undefined || ms <= last.ms
    ? null
    : Math.max(records - last.records, 0) * 1000 / (ms - last.ms);
  const known = last?.rate ?? null;
  const rate = now === null || known === null ? now : known * (1 - WEIGHT) + now * WEIGHT;
  const sample = { ms, records, rate, age: ageOf(data, figures), users: data.activeUsers };
  return [...before, sample].slice(-KEPT_SAMPLES);
}

function Tiles({ data, figures, rate, samples }: {
  readonly data: OverviewData;
  readonly figures: Figures;
  /** Events per second; null before it is known and while the server is gone. */
  readonly rate: number | null;
  readonly samples: readonly Sample[];
}) {
  const { today, activeUsers } = data;
  const rates = samples.map(({ rate }) => rate);
  return (
    <section aria-label="Summary">
      <dl class="tiles">
        <div>
          <dt>Events per second</dt>
          <dd>{figure(rate)}</dd>
          <dd class="more">
            <Sparkline values={rates} label="Events per second over the last minute" />
          </dd>
        </div>
        {today !== null && (
          <div>
            <dt>Events today</dt>
            <dd>{figure(today.events)}</dd>
            <dd class="more">
              <Sparkline values={today.hours} label="Events by hour over the last 24 hours" />
            </dd>
          </div>
        )}
        {activeUsers !== null && (
          <div>
            <dt>Active users, 5 min</dt>
            <dd>{figure(activeUsers)}</dd>
            <dd class="more">
              <Sparkline
                values={samples.map(({ users }) => users)}
                label="Active users over the last minute"
              />
            </dd>
          </div>
        )}
        <div>
          <dt>Newest event</dt>
          <dd>{figures.newestEvent === null ? "–" : `${spanText(ageOf(data, figures))} ago`}</dd>
          <dd class="more">
            {figures.newestEvent === null ? "none yet" : (
              <Sparkline
                values={samples.map(({ age }) => age)}
                label="Age of the newest event over the last minute"
              />
            )}
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Top({ info, answer, fault, names, pages }: TopRows & {
  readonly pages: Readonly<Record<string, string>>;
}) {
  return (
    <section class="metric" aria-labelledby={`metric-${info.name}`}>
      <header>
        <h3 id={`metric-${info.name}`}>
          <a href={`/plugins/${info.name}`}>{info.title}</a>
        </h3>
        <p>{info.summary}</p>
      </header>
      {fault !== null && <p class="note fault" role="status">{fault}</p>}
      {answer?.rows.length === 0 && <p class="note">No data yet.</p>}
      {answer !== null && answer.rows.length > 0 && (
        <Rows
          columns={answer.columns}
          rows={answer.rows}
          sort={info.sort}
          caption={info.title}
          names={names}
          pages={pages}
        />
      )}
    </section>
  );
}

/** What to do next where something is still empty. */
function NextStep({ empty, published }: { readonly empty: boolean; readonly published: boolean }) {
  if (empty) {
    return (
      <p class="note">
        The log is empty. Start <code>deno task dev</code> for sample events, or replay a file:{" "}
        <code>deno task replay ratings.dat --format movielens --rate max</code>
      </p>
    );
  }
  if (published) return null;
  return (
    <p class="note">
      No batch run yet: every number comes from the speed layer. The first run starts by schedule,
      or now on <a href="/runs">the page of the batch runs</a>.
    </p>
  );
}
