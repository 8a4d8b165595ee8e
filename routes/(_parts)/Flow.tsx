/** Data flow: one part per box of the architecture, with its rate and figures. */
import type { ExplainedTerm } from "./glossary.ts";
import { Term } from "./Term.tsx";
import type { ListedRun } from "./listed_run.ts";
import { figure, type Figures, instantText } from "./figures.ts";

interface Figure {
  readonly name: string;
  /** Its term of the glossary, where it is one. */
  readonly term?: ExplainedTerm;
  readonly value: string;
}

/** Records per second that pass each part; null before they are known. */
export interface Rates {
  readonly log: number | null;
  readonly speed: number | null;
  readonly archive: number | null;
}

function Part(props: {
  readonly id: string;
  readonly title: string;
  readonly page: string;
  /** A sentence about the part, for those who point at it. */
  readonly about: string;
  readonly main: Figure;
  readonly figures?: readonly Figure[];
}) {
  const { id, title, page, about, main, figures = [] } = props;
  return (
    <li class={`part part-${id}`} title={about}>
      <h3>
        <a href={page}>{title}</a>
      </h3>
      <dl>
        <div class="main">
          <dt>
            <FigureName figure={main} />
          </dt>
          <dd>{main.value}</dd>
        </div>
        {figures.map((figure) => (
          <div key={figure.name}>
            <dt>
              <FigureName figure={figure} />
            </dt>
            <dd>{figure.value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

function FigureName({ figure: { name, term } }: { readonly figure: Figure }) {
  return term === undefined ? <>{name}</> : <Term of={term}>{name}</Term>;
}

/** All of one run. */
function figuresOfRun({ state, started, finished, plugins }: ListedRun): Figure[] {
  const sum = (of: "days" | "daysDone") => plugins.reduce((sum, part) => sum + part[of], 0);
  return [
    { name: "State", value: state },
    finished === null
      ? { name: "Metric days", value: `${figure(sum("daysDone"))} of ${figure(sum("days"))}` }
      : { name: "Finished", value: instantText(finished) },
    ...(finished === null ? [{ name: "Started", value: instantText(started) }] : []),
  ];
}

const perSecond = (rate: number | null): Figure => ({
  name: "Rate",
  value: rate === null ? "–" : `${figure(rate)}/s`,
});

/** The diagram. */
export function Flow({ figures: f, rates, run }: {
  readonly figures: Figures;
  readonly rates: Rates;
  readonly run: ListedRun | null;
}) {
  return (
    <ol class="flow">
      <Part
        id="log"
        title="Log"
        page="/log"
        about="All events in order, durable before they are acknowledged."
        main={{ name: "records", value: figure(f.records) }}
        figures={[perSecond(rates.log), {
          name: "Dead letters",
          term: "dead letter",
          value: figure(f.deadLetters),
        }]}
      />
      <Part
        id="speed"
        title="Speed"
        page="/plugins"
        about="Event-time windows, computed as events arrive."
        main={{ name: "lag in records", term: "lag", value: figure(f.lag) }}
        figures={[
          perSecond(rates.speed),
          { name: "Late events", term: "late event", value: figure(f.late) },
          { name: "Repeats", term: "repeat", value: figure(f.repeats) },
        ]}
      />
      <Part
        id="archive"
        title="Archive"
        page="/log"
        about="Closed blocks as Parquet files, kept forever."
        main={{ name: "records", value: figure(f.archived) }}
        figures={[perSecond(rates.archive)]}
      />
      <Part
        id="batch"
        title="Batch"
        page="/runs"
        about="Exact recomputation from the whole history."
        main={{ name: "newest run", term: "run", value: figure(run?.run) }}
        figures={run === null ? [] : figuresOfRun(run)}
      />
      <Part
        id="serving"
        title="Serving"
        page="/plugins"
        about="Batch up to the cut, speed after it: one answer."
        main={{ name: "events counted", value: figure(f.events) }}
        figures={[{ name: "Up to", value: instantText(f.newestEvent) }]}
      />
    </ol>
  );
}
