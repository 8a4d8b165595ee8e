/** A metric, from its plugin's declaration alone: over time, by key, live, with its source. */
import { signal } from "@preact/signals";
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import type { ComponentType } from "preact";
import type { PluginIslandProps } from "../../islands/(_parts)/plugin_island.ts";
import type { Status } from "../../runtime/ports/services.ts";
import LiveRows from "../../islands/LiveRows.tsx";
import MetricProblems from "../../islands/MetricProblems.tsx";
import SeriesChart from "../../islands/SeriesChart.tsx";
import { DriftDays } from "../(_components)/drift_days.tsx";
import { MetricControls } from "../(_components)/metric_controls.tsx";
import { PluginFacts, PluginTexts } from "../(_components)/plugin_facts.tsx";
import { define } from "../(_shared)/define.ts";
import { linkWith, readMetric, viewOf } from "../(_shared)/metric_view.ts";
import { keyPages } from "../(_shared)/movie_example.ts";

/** Days that drift. */
const DRIFT_SHOWN = "20";

export const handler = define.handlers({
  async GET({ params, url, state: { services, signal } }) {
    const info = services.serving.metrics().find(({ name }) => name === params.name);
    const status = await services.status().catch(() => null);
    if (info === undefined) throw notShown(params.name, status);
    const drift = await services.drifts.list({ metric: info.name, limit: DRIFT_SHOWN }, signal)
      .catch(() => null);
    const view = viewOf(url.searchParams, info, status);
    return page({
      ...{ info, view, drift, text: services.plugins.get(info.name) ?? null },
      state: status?.plugins.find(({ plugin }) => plugin === info.name) ?? null,
      problems: (status?.problems ?? []).filter((problem) =>
        [problem, ...problem.affects ?? []].some(({ plugin, topic }) =>
          plugin === undefined ? topic === info.topic : plugin === info.name
        )
      ),
      shown: await readMetric(services, info, view, signal),
    });
  },
});

/** Why a metric has no page: it does not run, or there is none. */
function notShown(name: string, status: Status | null): HttpError {
  const refused = status?.plugins.find(({ plugin, state }) =>
    plugin === name && state === "refused"
  );
  return refused === undefined
    ? new HttpError(404, `There is no metric named ${name}.`)
    : new HttpError(503, refused.error ?? "");
}

export default define.page<typeof handler>(({ data, url, state }) => {
  const { info, view, shown, text } = data;
  const { series, rows } = shown;
  const pulse = signal(0);
  const shownSeries = series.answer === null ? null : signal(series.answer);
  const shownRows = signal(rows.answer?.rows ?? []);
  const problems = signal(rows.answer?.problems ?? data.problems);
  const Island = state.services.islands.get(info.name) as
    | ComponentType<PluginIslandProps>
    | undefined;
  const sortLinks = Object.fromEntries((rows.answer?.columns ?? []).map(({ name }) => [
    name,
    linkWith(url, { order: view.order === `-${name}` ? name : `-${name}`, after: null }),
  ]));
  const csv = new URLSearchParams({ layer: view.layer, order: view.order, format: "csv" });
  csv.set("limit", "10000");
  if (view.from !== null) csv.set("from", view.from);
  if (view.to !== null) csv.set("to", view.to);
  return (
    <>
      <Head>
        <title>{info.title} · Twofold</title>
      </Head>
      <div class="heading">
        <h1>{info.title}</h1>
        <p>{info.summary}</p>
      </div>
      <MetricProblems shown={problems} />
      <PluginFacts info={info} state={data.state} />
      <DriftDays days={data.drift?.items ?? []} more={data.drift?.next != null} />
      <MetricControls info={info} view={view} url={url} />
      <section aria-labelledby="over-time">
        <h2 id="over-time">Over time</h2>
        {series.fault !== null && <p class="note fault" role="status">{series.fault}</p>}
        {shownSeries !== null && (
          <SeriesChart
            shown={shownSeries}
            chart={info.chart}
            batch={shown.batch}
            again={shown.seriesAgain}
            title={info.title}
            names={shown.names}
            pulse={pulse}
          />
        )}
        {series.answer?.beyond != null && (
          <p class="note">
            The topic contains {series.answer.beyond.future_events}{" "}
            future events; some are beyond this chart.{" "}
            <a href={linkWith(url, { range: null, to: series.answer.beyond.until })}>
              Show all up to {series.answer.beyond.until.slice(0, 10)}
            </a>
          </p>
        )}
        {view.layer === "speed" && series.answer?.kept_from != null && (
          <p class="note">
            Speed-layer windows are complete from{" "}
            {series.answer.kept_from.slice(0, 19).replace("T", " ")}{" "}
            on; earlier data comes from the batch layer.
          </p>
        )}
      </section>
      {Island && (
        <Island
          metric={info.name}
          series={shownSeries}
          columns={rows.answer?.columns ?? []}
          rows={shownRows}
        />
      )}
      <section aria-labelledby="by-key">
        <div class="row">
          <h2 id="by-key">By {info.by.replaceAll("_", " ")}</h2>
          <form method="get" action={url.pathname} role="search">
            {[...url.searchParams].filter(([name]) => name !== "q" && name !== "after").map((
              [name, value],
            ) => <input key={name} type="hidden" name={name} value={value} />)}
            <label>
              <span class="unseen">Find</span>
              <input
                type="search"
                name="q"
                value={view.search}
                placeholder="Search keys and names"
              />
            </label>
            <button type="submit">Find</button>
          </form>
        </div>
        {rows.fault !== null && <p class="note fault" role="status">{rows.fault}</p>}
        {rows.answer !== null && (
          <LiveRows
            columns={rows.answer.columns}
            shown={shownRows}
            problems={problems}
            sort={view.order}
            caption={`${info.title} by ${info.by.replaceAll("_", " ")}`}
            names={shown.names}
            pages={keyPages(state.services)}
            sortLinks={sortLinks}
            url={shown.liveUrl}
            rowsBy={shown.rowsBy}
            again={shown.rowsAgain}
            limit={shown.limit}
            pulse={pulse}
          />
        )}
        <nav class="pager" aria-label="Pages of rows">
          {view.after !== "" && <a href={linkWith(url, { after: null })}>First page</a>}
          {rows.answer?.next != null && (
            <a href={linkWith(url, { after: rows.answer.next })} rel="next">Next page</a>
          )}
          <a href={`/api/v1/metrics/${info.name}?${csv}`} download={`${info.name}.csv`}>CSV</a>
        </nav>
      </section>
      {text !== null && <PluginTexts text={text} />}
    </>
  );
});
