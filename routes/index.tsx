/** The first page: what flows where, and the metrics' top rows. Whole without JavaScript. */
import { Hono } from "hono";
import { renderToString } from "preact-render-to-string";
import type { BatchRun, MetricInfo, Services, Serving, Status } from "../runtime/services.ts";
import { Flow } from "./components/flow.tsx";
import { MetricCard, type MetricResult } from "./components/metric_card.tsx";
import { figuresOf, problemsOf } from "./figures.ts";

/** The longest that the page waits for the engine, in milliseconds; then it says so. */
const PATIENCE_MS = 3000;

/** The page at `/`. */
export function createPages(services: Services): Hono {
  return new Hono().get("/", async (c) => {
    const signal = AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(PATIENCE_MS)]);
    const [status, lastRun, metrics] = await Promise.all([
      services.status().catch(() => null),
      lastRunOf(services),
      Promise.all(services.serving.metrics().map((info) => ask(services.serving, info, signal))),
    ]);
    const page = renderToString(<Page status={status} lastRun={lastRun} metrics={metrics} />);
    return c.html(`<!doctype html>${page}`, 200, {
      "cache-control": "no-store",
      "content-security-policy":
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
  });
}

async function lastRunOf(services: Services): Promise<BatchRun | null> {
  const newest = await Promise.all(
    [...services.batch.values()].map((layer) => layer.history(1).catch(() => [])),
  );
  return newest.flat().sort((a, b) => a.finished < b.finished ? 1 : -1)[0] ?? null;
}

async function ask(serving: Serving, info: MetricInfo, signal: AbortSignal): Promise<MetricResult> {
  try {
    const answer = await serving.query(info.name, { limit: "10", keys: {} }, signal);
    return { info, answer, fault: null };
  } catch (error) {
    const fault = error instanceof Error && "fault" in error && error.fault !== "internal"
      ? error.message
      : signal.aborted
      ? "The warehouse took too long to answer. Load the page again in a moment."
      : "The warehouse could not answer. The server's log tells more.";
    return { info, answer: null, fault };
  }
}

interface PageProps {
  readonly status: Status | null;
  readonly lastRun: BatchRun | null;
  readonly metrics: readonly MetricResult[];
}

function Page({ status, lastRun, metrics }: PageProps) {
  const figures = status === null ? null : figuresOf(status);
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Twofold</title>
        <link rel="icon" href="/static/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/static/style.css" />
        <link rel="stylesheet" href="/static/parts.css" />
        <script type="module" src="/static/live.js" />
      </head>
      <body>
        <a class="skip" href="#metrics">Skip to the metrics</a>
        <header class="top">
          <p class="wordmark">Twofold</p>
          <p class="state" data-live-state data-ready={status?.ready ? "yes" : "no"}>
            {status === null ? "No status" : status.ready ? "Ready" : "Not ready"}
          </p>
        </header>
        <main>
          <div class="lead">
            <h1>Fresh and exact, in one number</h1>
            <p>
              Each metric is computed twice, at once from the log and exactly from the archive, and
              served as one.
            </p>
          </div>
          <Problems
            problems={status === null ? ["The status could not be read."] : problemsOf(status)}
          />
          {figures !== null && (
            <section aria-labelledby="flow">
              <h2 id="flow">The way of the data</h2>
              <Flow figures={figures} lastRun={lastRun?.finished ?? null} />
              <NextStep empty={figures.records === 0n} run={figures.run} />
            </section>
          )}
          <section aria-labelledby="metrics">
            <h2 id="metrics" tabIndex={-1}>Metrics</h2>
            <p class="hint">
              The top ten of all time, merged. The links below a table give the same as JSON, by
              layer.
            </p>
            <div class="metrics">
              {metrics.map((metric) => <MetricCard key={metric.info.name} {...metric} />)}
            </div>
          </section>
        </main>
        <footer class="bottom">
          <nav aria-label="API">
            <a href="/api/v1/metrics">Metrics</a>
            <a href="/api/v1/batch/runs">Batch runs</a>
            <a href="/api/v1/status">Status</a>
            <a href="/readyz">Readiness</a>
          </nav>
          {status !== null && <p>Version {status.version}</p>}
        </footer>
      </body>
    </html>
  );
}

function Problems({ problems }: { problems: readonly string[] }) {
  return (
    <div class="problems" role="status" data-live-problems hidden={problems.length === 0}>
      <h2>Needs attention</h2>
      <ul>{problems.map((problem) => <li key={problem}>{problem}</li>)}</ul>
    </div>
  );
}

/** What to do next where something is still empty. */
function NextStep({ empty, run }: { empty: boolean; run: number | null }) {
  if (empty) {
    return (
      <p class="note" data-live-empty>
        The log is empty. Let events flow with <code>deno task dev</code>, or replay a file:{" "}
        <code>deno task replay ratings.dat --format movielens --rate max</code>
      </p>
    );
  }
  if (run !== null) return null;
  return (
    <p class="note" data-live-unrun>
      No batch run yet: every number comes from the speed layer. Runs start by themselves, or now
      with <code>deno task batch</code>
    </p>
  );
}
