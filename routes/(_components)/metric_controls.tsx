/** The controls of a metric's page: plain links and a form, so that a URL holds their state. */
import ZoneInput from "../../islands/ZoneInput.tsx";
import { label } from "../(_parts)/figures.ts";
import type { MetricInfo } from "../../runtime/ports/services.ts";
import { linkWith } from "../(_parts)/link_with.ts";
import type { View } from "../(_shared)/metric_questions.ts";
import { ranges } from "../(_shared)/metric_view.ts";

interface ControlsProps {
  readonly info: MetricInfo;
  readonly view: View;
  readonly url: URL;
}

/** Range, layer, and the rest. */
export function MetricControls({ info, view, url }: ControlsProps) {
  const rangeLink = (range: string) =>
    linkWith(url, { range, from: null, to: null, after: null, bucket: null });
  const isOpen = view.range === "custom" || view.bucket !== "" || view.top !== "" ||
    view.tz !== "" || url.searchParams.has("measure");
  return (
    <>
      <Choices
        label="Time range"
        chosen={view.range}
        choices={[
          ...Object.entries(ranges),
          ...(info.needs_from ? [] : [["all", { title: "All" }] as const]),
        ].map(([value, { title }]) => ({ value, title, href: rangeLink(value) }))}
      />
      <Choices
        label="Layer"
        chosen={view.layer}
        choices={(["merged", "batch", "speed"] as const).map((layer) => ({
          value: layer,
          title: label(layer),
          href: linkWith(url, { layer, after: null, bucket: null }),
        }))}
      />
      {(url.searchParams.has("from") || url.searchParams.has("to")) && (
        <a class="reset" href={linkWith(url, { from: null, to: null, after: null, bucket: null })}>
          Reset range
        </a>
      )}
      <details class="options" open={isOpen}>
        <summary>Options</summary>
        <form method="get" action={url.pathname} class="controls">
          <HiddenInputs url={url} except={fields} />
          <label>
            <span>Bucket</span>
            <select name="bucket">
              <option value="">Auto</option>
              {info.layers[view.layer].filter((bucket) => bucket !== "all" && bucket !== "window")
                .map(
                  (bucket) => (
                    <option key={bucket} value={bucket} selected={view.bucket === bucket}>
                      {label(bucket.replace(/^(\d+)(\w+)/, "$1 $2s"))}
                    </option>
                  ),
                )}
            </select>
          </label>
          {info.series_measures.length > 1 && (
            <label>
              <span>Measure</span>
              <select name="measure">
                {info.series_measures.map((measure) => (
                  <option key={measure} value={measure} selected={view.measure === measure}>
                    {label(measure)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label>
            <span>Lines</span>
            <select name="top">
              <option value="">Total</option>
              {["3", "5", "10"].map((top) => (
                <option key={top} value={top} selected={view.top === top}>
                  Top {top}
                </option>
              ))}
            </select>
          </label>
          <ZoneInput tz={view.tz} />
          <label>
            <span>From (UTC)</span>
            <input type="datetime-local" name="from" value={localValue(view, view.from)} />
          </label>
          <label>
            <span>To (UTC)</span>
            <input type="datetime-local" name="to" value={localValue(view, view.to)} />
          </label>
          <button type="submit">Apply</button>
        </form>
      </details>
    </>
  );
}

/** What the form itself sends, and the page of rows that it leaves. */
const fields = ["bucket", "tz", "measure", "top", "from", "to", "after", "until"];

/** The parameters of a page that a form keeps. */
export function HiddenInputs({ url, except }: {
  readonly url: URL;
  readonly except: readonly string[];
}) {
  return (
    <>
      {[...url.searchParams].filter(([name]) => !except.includes(name)).map(([name, value]) => (
        <input key={`${name} ${value}`} type="hidden" name={name} value={value} />
      ))}
    </>
  );
}

/** Only a custom time stands in the fields: what was sent back would else become one. */
const localValue = ({ range }: View, iso: string | null) =>
  range === "custom" && iso !== null ? iso.slice(0, 16) : "";

function Choices({ label, chosen, choices }: {
  readonly label: string;
  readonly chosen: string;
  readonly choices: readonly {
    readonly value: string;
    readonly title: string;
    readonly href: string;
  }[];
}) {
  return (
    <nav class="choices" aria-label={label}>
      <ul>
        {choices.map(({ value, title, href }) => (
          <li key={value}>
            <a
              href={href}
              class={value === chosen ? "chosen" : undefined}
              aria-current={value === chosen ? "true" : undefined}
            >
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
