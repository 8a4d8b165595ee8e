/** A metric, from its plugin's declaration alone: over time, by key, live, with its source. */
import { signal } from "@preact/signals";
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import type { ComponentType } from "preact";
import type { PluginIslandProps } from "../(_parts)/plugin_island.ts";
import type { MetricData } from "../(_parts)/metric_data.ts";
import type { MetricInfo, Status } from "../../runtime/ports/services.ts";
import LiveRows from "../../islands/LiveRows.tsx";
import MetricFacts from "../../islands/MetricFacts.tsx";
import MetricFeed from "../../islands/MetricFeed.tsx";
import MetricLifecycle from "../../islands/MetricLifecycle.tsx";
import MetricProblems from "../../islands/MetricProblems.tsx";
import SeriesChart from "../../islands/SeriesChart.tsx";
import { DriftDays } from "../(_components)/drift_days.tsx";
import { HiddenInputs, MetricControls } from "../(_components)/metric_controls.tsx";
import { PluginTexts } from "../(_components)/plugin_facts.tsx";
import { define } from "../(_shared)/define.ts";
import { linkWith } from "../(_parts)/link_with.ts";
import type { View } from "../(_shared)/metric_questions.ts";
import { dataUrlOf, readMetric, viewOf } from "../(_shared)/metric_view.ts";
import { FilterChips } from "../(_components)/filter_chips.tsx";
import { keyPages } from "../(_shared)/movie_example.ts";

/** Days that drift. */
const DRIFT_SHOWN = "20";

export const handler = define.handlers({
  async GET(ctx) {
    const { params, url, req, state: { services, signal } } = ctx;
    const zone = zoneIn(req.headers.get("cookie") ?? "");
    if (!url.searchParams.has("tz") && zone !== null) {
      return ctx.redirect(`${url.pathname}${linkWith(url, { tz: zone })}`);
    }
    const info = services.serving.metrics().find(({ name }) => name === params.name);
    const status = await services.status().catch(() => null);
    if (info === undefined) throw notShown(params.name, status);
    const drift = await services.drifts.list({ metric: info.name, limit: DRIFT_SHOWN }, signal)
      .catch(() => null);
    const view = viewOf(url.searchParams, info, status);
    return page({
      info,
      view,
      drift,
      text: services.plugins.get(info.name) ?? null,
      shown: await readMetric(services, info, view, status, signal),
    });
  },
});

/** The time zone that was chosen last. */
function zoneIn(cookies: string): string | null {
  const [, zone] = /(?:^|;\s*)tz=([\w+-]+(?:%2F[\w+-]+)*)(?:;|$)/.exec(cookies) ?? [];
  return zone?.replaceAll("%2F", "/") ?? null;
}

/** Why a metric has no page: it does not run, or there is none. */
function notShown(name: string, status: Status | null): HttpError {
  const refused = status?.plugins.find(({ plugin, state }) =>
    plugin === name && (state === "refused" || state === "paused")
  );
  return refused === undefined
    ? new HttpError(404, `Unknown metric ${name}.`)
    : new HttpError(503, refused.error ?? "");
}

export default define.page<typeof handler>(({ data, url, state }) => {
  const { info, view, shown, text } = data;
  const metric = signal(shown);
  const series = signal(shown.series.answer);
  const rows = signal(shown.rows.answer?.rows ?? []);
  const stale = signal(false);
  const Island = state.services.islands.get(info.name) as
    | ComponentType<PluginIslandProps>
    | undefined;
  const columns = shown.rows.answer?.columns ?? [];
  // Where a name stands for a key, sorting by the key would look like no order.
  const sortable = columns.filter(({ name }) => shown.names[name] === undefined);
  const sortLinks = Object.fromEntries(sortable.map(({ name }) => [
    name,
    linkWith(url, { order: view.order === `-${name}` ? name : `-${name}`, after: null }),
  ]));
  return (
    <>
      <Head>
        <title>{info.title} · Twofold</title>
      </Head>
      <div class="heading">
        <h1>{info.title}</h1>
        <p>{info.summary}</p>
      </div>
      <MetricProblems data={metric} />
      <MetricFacts info={info} data={metric} />
      <DriftDays days={data.drift?.items ?? []} more={data.drift?.next != null} />
      <div class="toolbar">
        <MetricControls info={info} view={view} url={url} />
        <MetricFeed
          data={metric}
          series={series}
          rows={rows}
          stale={stale}
          dataUrl={dataUrlOf(view, url)}
        />
      </div>
      {info.series_measures.length > 0 && (
        <section aria-labelledby="over-time">
          <h2 id="over-time" class="unseen">Over time</h2>
          <SeriesChart
            data={metric}
            stale={stale}
            chart={info.chart}
            title={info.title}
            selectsRange
          />
          {shown.series.answer?.beyond != null && (
            <p class="note">
              The topic contains {shown.series.answer.beyond.future_events}{" "}
              future events; some are beyond this chart.{" "}
              <a href={linkWith(url, { range: null, to: shown.series.answer.beyond.until })}>
                Show all up to {shown.series.answer.beyond.until.slice(0, 10)}
              </a>
            </p>
          )}
          {view.layer === "speed" && shown.series.answer?.kept_from != null && (
            <p class="note">
              Speed-layer windows are complete from{" "}
              {shown.series.answer.kept_from.slice(0, 19).replace("T", " ")}{" "}
              on; earlier data comes from the batch layer.
            </p>
          )}
        </section>
      )}
      {Island && <Island metric={info.name} series={series} columns={columns} rows={rows} />}
      <section aria-labelledby="by-key">
        <div class="row">
          <h2 id="by-key">By {info.by.replaceAll("_", " ")}</h2>
          <form method="get" action={url.pathname} role="search">
            <HiddenInputs
              url={url}
              except={[
                "q",
                "after",
                "until",
                ...info.keys.map(({ name }) => name),
              ]}
            />
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
        <FilterChips info={info} view={view} names={shown.names} url={url} />
        {shown.matching === null && (shown.filter?.length ?? 0) > 1 && (
          <p class="note">
            The first {shown.filter!.length} matches by key; search for more words to see others.
          </p>
        )}
        <LiveRows
          data={metric}
          stale={stale}
          sort={view.order}
          caption={`${info.title} by ${info.by.replaceAll("_", " ")}`}
          pages={keyPages(state.services)}
          sortLinks={sortLinks}
          keys={info.keys.map(({ name }) => name)}
          search={url.search}
        />
        <nav class="pager" aria-label="Pages of rows">
          {view.after !== "" && <a href={linkWith(url, { after: null })}>First page</a>}
          {shown.rows.answer?.next != null && (
            <a
              href={linkWith(url, { after: shown.rows.answer.next, until: view.until })}
              rel="next"
            >
              Next page
            </a>
          )}
          <CsvLink info={info} view={view} shown={shown} />
        </nav>
      </section>
      {text !== null && <PluginTexts text={text} />}
      <MetricLifecycle
        name={info.name}
        isPaused={state.services.lifecycle.isPaused(info.name)}
      />
    </>
  );
});

/** All rows of the range as CSV; a search by words finds several keys, which the API takes singly. */
function CsvLink({ info, view, shown }: {
  readonly info: MetricInfo;
  readonly view: View;
  readonly shown: MetricData;
}) {
  const { filter } = shown;
  if (filter !== null && filter.length !== 1) return null;
  const params = new URLSearchParams({ layer: view.layer, order: view.order, format: "csv" });
  params.set("limit", "10000");
  if (shown.from !== null) params.set("from", shown.from);
  if (shown.to !== null) params.set("to", shown.to);
  for (const [name, value] of Object.entries(filter?.[0] ?? {})) params.set(name, value);
  if (shown.catalogs.length > 0) params.set("expand", shown.catalogs.join(","));
  return <a href={`/api/v1/metrics/${info.name}?${params}`} download={`${info.name}.csv`}>CSV</a>;
}
