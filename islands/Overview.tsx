/** The first page's figures, asked again every second. */
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { ConnectionText } from "../routes/(_parts)/ConnectionText.tsx";
import {
  exactFigure,
  figure,
  type Figures,
  figuresOf,
  spanText,
} from "../routes/(_parts)/figures.ts";
import { Flow, type Rates } from "../routes/(_parts)/Flow.tsx";
import { MetricCard, type MetricCardData } from "../routes/(_parts)/MetricCard.tsx";
import { getJson, usePoll } from "../routes/(_parts)/poll.ts";
import type { ListedRun } from "../routes/(_parts)/listed_run.ts";
import { ProblemList } from "../routes/(_parts)/ProblemList.tsx";
import { Sparkline } from "../routes/(_parts)/Sparkline.tsx";
import { Term } from "../routes/(_parts)/Term.tsx";
import { Traffic } from "../routes/(_parts)/Traffic.tsx";
import type { SeriesAnswer, Status } from "../runtime/ports/services.ts";

/** The first page as of one moment. */
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
  /** Events of the last hour by minute, by the speed layer; null where no metric tells. */
  readonly traffic: SeriesAnswer | null;
  /** Users with events in the last five minutes; null where no metric tells. */
  readonly activeUsers: number | null;
  readonly cards: readonly MetricCardData[];
}

const EVERY_MS = 1000;
const KEPT_SAMPLES = 60;
/** Over so many samples a rate is the mean; the archive grows by whole blocks. */
const RATE_SAMPLES: Readonly<Record<keyof Rates, number>> = { log: 5, speed: 5, archive: 60 };

interface Sample {
  readonly ms: number;
  /** Offsets that each part has come to, added up. */
  readonly ends: Readonly<Record<keyof Rates, number>>;
  readonly rates: Rates;
  readonly users: number | null;
}

const unknownRates: Rates = { log: null, speed: null, archive: null };

/** The first page below its heading. */
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
  const { status, run, cards } = data.value;
  const figures = status === null ? null : figuresOf(status);
  const lost = connection.value === "lost";
  const late = connection.value === "late";
  const rates = lost ? unknownRates : samples.current.at(-1)?.rates ?? unknownRates;
  return (
    <div data-stale={lost || late ? "yes" : undefined}>
      <p class="live" data-connection={connection.value}>
        <ConnectionText connection={connection.value} asOf={data.value.at} />
      </p>
      {status === null
        ? <p class="note fault" role="status">The status is not available.</p>
        : <ProblemList problems={status.problems} />}
      {figures !== null && status !== null && (
        <>
          <Summary data={data.value} status={status} figures={figures} />
          <Tiles data={data.value} rate={rates.log} samples={samples.current} />
          <section aria-labelledby="flow">
            <h2 id="flow">Data flow</h2>
            <Flow figures={figures} rates={rates} run={run} />
            <NextStep
              empty={figures.records === 0}
              published={status.plugins.some(({ run }) => run !== null)}
            />
          </section>
        </>
      )}
      <section aria-labelledby="metrics">
        <h2 id="metrics" tabIndex={-1}>Metrics</h2>
        <p class="hint">The last 24 hours, and the top three of all time, merged.</p>
        <div class="metrics">
          {cards.map((card) => <MetricCard key={card.info.name} {...card} pages={props.pages} />)}
        </div>
      </section>
    </div>
  );
}

function sampled(before: readonly Sample[], data: OverviewData): Sample[] {
  if (data.status === null) return [...before];
  const { records, frontier, archived } = figuresOf(data.status);
  const ends = { log: records, speed: frontier, archive: archived };
  const ms = Date.parse(data.at);
  const rateOf = (part: keyof Rates) => {
    const since = before.at(-RATE_SAMPLES[part]) ?? before[0];
    if (since === undefined || ms <= since.ms) return null;
    return Math.max(ends[part] - since.ends[part], 0) * 1000 / (ms - since.ms);
  };
  const rates = { log: rateOf("log"), speed: rateOf("speed"), archive: rateOf("archive") };
  return [...before, { ms, ends, rates, users: data.activeUsers }].slice(-KEPT_SAMPLES);
}

/** Health, freshness and drift in one line. */
function Summary({ data, status, figures }: {
  readonly data: OverviewData;
  readonly status: Status;
  readonly figures: Figures;
}) {
  const { newestEvent } = figures;
  const age = newestEvent === null
    ? null
    : Math.max(Date.parse(data.at) - Date.parse(newestEvent), 0) / 1000;
  const healthy = status.ready && status.problems.length === 0;
  const drifts = status.plugins.flatMap(({ drift }) => drift === null ? [] : [drift]);
  const drift = drifts.length < status.plugins.length ? null : Math.max(0, ...drifts);
  return (
    <dl class="facts summary">
      <div>
        <dt>Health</dt>
        <dd data-state={healthy ? "running" : "failed"}>
          {healthy ? "Healthy" : status.ready ? "Needs attention" : "Not ready"}
        </dd>
      </div>
      <div>
        <dt>Newest event</dt>
        <dd>{age === null ? "none yet" : `${spanText(age)} ago`}</dd>
      </div>
      <div>
        <dt>
          <Term of="drift">Drift</Term>
        </dt>
        <dd>{drift === null ? "not compared" : exactFigure(drift)}</dd>
      </div>
    </dl>
  );
}

function Tiles({ data, rate, samples }: {
  readonly data: OverviewData;
  /** Events per second; null before it is known and while the server is gone. */
  readonly rate: number | null;
  readonly samples: readonly Sample[];
}) {
  const { today, traffic, activeUsers } = data;
  return (
    <section aria-label="Traffic" class="dashboard">
      {traffic !== null && (
        <section class="panel" aria-labelledby="traffic">
          <h2 id="traffic">Last hour</h2>
          <Traffic traffic={traffic} />
        </section>
      )}
      <dl class="tiles">
        <div>
          <dt>Events per second</dt>
          <dd>{figure(rate)}</dd>
          <dd class="more">
            <Sparkline
              values={samples.map(({ rates }) => rates.log)}
              label="Events per second over the last minute"
            />
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
      </dl>
    </section>
  );
}

/** The next step where something is still empty. */
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
