/** The way of the data: one part per box of the architecture, with its figures. */
import { figure, type Figures, instantText } from "../figures.ts";

interface Figure {
  readonly name: string;
  /** The name of the figure that the live script keeps up to date. */
  readonly live: string;
  readonly value: string;
  /** The part's main figure. */
  readonly main?: boolean;
}

function Part(props: { id: string; title: string; what: string; figures: readonly Figure[] }) {
  return (
    <li class={`part part-${props.id}`}>
      <h3>{props.title}</h3>
      <p>{props.what}</p>
      <dl>
        {props.figures.map(({ name, live, value, main }) => (
          <div class={main ? "main" : undefined} key={name}>
            <dt>{name}</dt>
            <dd data-live={live}>{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

/** The diagram. */
export function Flow({ figures: f, lastRun }: { figures: Figures; lastRun: string | null }) {
  return (
    <ol class="flow">
      <Part
        id="log"
        title="Log"
        what="Every event, in order, durable before it is acknowledged."
        figures={[
          { name: "events/s", live: "rate", value: "–", main: true },
          { name: "Records", live: "records", value: figure(f.records) },
          { name: "Partitions", live: "partitions", value: figure(f.partitions) },
          { name: "Dead letters", live: "deadLetters", value: figure(f.deadLetters) },
        ]}
      />
      <Part
        id="speed"
        title="Speed"
        what="Windows of event time, computed at once."
        figures={[
          { name: "records behind", live: "lag", value: figure(f.lag), main: true },
          { name: "Frontier", live: "frontier", value: figure(f.frontier) },
          { name: "Late events", live: "late", value: figure(f.late) },
          { name: "Repeats", live: "repeats", value: figure(f.repeats) },
        ]}
      />
      <Part
        id="archive"
        title="Archive"
        what="Closed blocks as Parquet, kept for good."
        figures={[
          { name: "records archived", live: "archived", value: figure(f.archived), main: true },
        ]}
      />
      <Part
        id="batch"
        title="Batch"
        what="The same figures from all history, exactly."
        figures={[
          { name: "last run", live: "run", value: figure(f.run), main: true },
          { name: "Cut", live: "cut", value: figure(f.cut) },
          { name: "Finished", live: "finished", value: instantText(lastRun) },
          { name: "Drift", live: "drift", value: figure(f.drift) },
        ]}
      />
      <Part
        id="serving"
        title="Serving"
        what="Batch up to the cut, speed from there on: one number."
        figures={[
          { name: "events counted", live: "events", value: figure(f.events), main: true },
          { name: "Up to", live: "watermark", value: instantText(f.watermark) },
        ]}
      />
    </ol>
  );
}
