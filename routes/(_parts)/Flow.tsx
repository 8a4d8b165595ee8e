/** Data flow: one part per box of the architecture, with its figures. */
import type { ListedRun } from "../../islands/RunList.tsx";
import { exactFigure, figure, type Figures, instantText } from "./figures.ts";

interface Figure {
  readonly name: string;
  readonly value: string;
}

function Part(props: {
  readonly id: string;
  readonly title: string;
  readonly page: string;
  readonly what: string;
  readonly main: Figure;
  readonly figures?: readonly Figure[];
}) {
  const { id, title, page, what, main, figures = [] } = props;
  return (
    <li class={`part part-${id}`}>
      <h3>
        <a href={page}>{title}</a>
      </h3>
      <p>{what}</p>
      <dl>
        <div class="main">
          <dt>{main.name}</dt>
          <dd>{main.value}</dd>
        </div>
        {figures.map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

/** All of one run. */
function figuresOfRun({ state, started, finished, plugins }: ListedRun): Figure[] {
  const sum = (of: "days" | "daysDone") => plugins.reduce((sum, part) => sum + part[of], 0);
  const compared = plugins.every(({ notCompared }) => notCompared === null);
  const drift = Math.max(0, ...plugins.map(({ drift }) => drift ?? 0));
  return [
    { name: "State", value: state },
    finished === null
      ? { name: "Metric days", value: `${figure(sum("daysDone"))} of ${figure(sum("days"))}` }
      : { name: "Drift", value: compared ? exactFigure(drift) : "not compared" },
    finished === null
      ? { name: "Started", value: instantText(started) }
      : { name: "Finished", value: instantText(finished) },
  ];
}

/** The diagram. */
export function Flow({ figures: f, rate, run }: {
  readonly figures: Figures;
  /** Events per second; null before it is known. */
  readonly rate: number | null;
  readonly run: ListedRun | null;
}) {
  return (
    <ol class="flow">
      <Part
        id="log"
        title="Log"
        page="/log"
        what="All events in order, durable before they are acknowledged."
        main={{ name: "events/s", value: figure(rate) }}
        figures={[
          { name: "Records", value: figure(f.records) },
          { name: "Partitions", value: figure(f.partitions) },
          { name: "Dead letters", value: figure(f.deadLetters) },
        ]}
      />
      <Part
        id="speed"
        title="Speed"
        page="/plugins"
        what="Event-time windows, computed as events arrive."
        main={{ name: "lag in records", value: figure(f.lag) }}
        figures={[
          { name: "Frontier", value: figure(f.frontier) },
          { name: "Late events", value: figure(f.late) },
          { name: "Repeats", value: figure(f.repeats) },
        ]}
      />
      <Part
        id="archive"
        title="Archive"
        page="/log"
        what="Closed blocks as Parquet files, kept forever."
        main={{ name: "records archived", value: figure(f.archived) }}
      />
      <Part
        id="batch"
        title="Batch"
        page="/runs"
        what="Exact recomputation from the whole history."
        main={{ name: "newest run", value: figure(run?.run) }}
        figures={run === null ? [] : figuresOfRun(run)}
      />
      <Part
        id="serving"
        title="Serving"
        page="/plugins"
        what="Batch up to the cut, speed after it: one answer."
        main={{ name: "events counted", value: figure(f.events) }}
        figures={[{ name: "Up to", value: instantText(f.newestEvent) }]}
      />
    </ol>
  );
}
