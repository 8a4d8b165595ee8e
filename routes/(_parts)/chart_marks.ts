/** What changed a metric while its chart's time went by: batch runs, and changes of its plugin. */
import { figure, instantText } from "./figures.ts";

/** The changes of a metric, as a page reads them. */
export interface MetricChanges {
  readonly topic: string;
  /** Published runs that wrote rows of the metric, the newest first. */
  readonly runs: readonly {
    readonly run: number;
    /** ISO 8601. */
    readonly at: string;
    readonly days: number;
    readonly rows: number;
  }[];
  /** Generations that took the place of another one. */
  readonly generations: readonly {
    readonly generation: string;
    /** ISO 8601. */
    readonly at: string;
  }[];
}

/** A place of a chart's time axis that is marked. */
export interface ChartMark {
  /** In pixels from the left of the picture. */
  readonly x: number;
  readonly kind: "run" | "generation";
  readonly text: string;
  readonly href: string;
}

/** The time axis as it is drawn. */
export interface DrawnAxis {
  /** Seconds since 1970 UTC. */
  readonly from: number;
  readonly to: number;
  /** In pixels, from the left of the plot's element. */
  readonly left: number;
  readonly width: number;
  /** In pixels, from the top of the plot's element to the axis. */
  readonly height: number;
}

/** The least distance of two marks in pixels, so that a finger hits one of them. */
const APART = 24;

/** Marks of the changes in the picture; those that would lie too close together are one. */
export function marksOf(changes: MetricChanges, axis: DrawnAxis): ChartMark[] {
  const { from, to, width } = axis;
  const placed = [
    ...changes.runs.map((run) => ({ run, generation: null, at: run.at })),
    ...changes.generations.map((generation) => ({ run: null, generation, at: generation.at })),
  ].flatMap((change) => {
    const x = (Date.parse(change.at) / 1000 - from) / (to - from) * width;
    return x >= 0 && x <= width ? [{ ...change, x }] : [];
  }).sort((a, b) => a.x - b.x);
  const groups: typeof placed[] = [];
  for (const change of placed) {
    const group = groups.at(-1);
    if (group !== undefined && change.x - group[0].x < APART) group.push(change);
    else groups.push([change]);
  }
  return groups.map((group) => {
    const runs = group.flatMap(({ run }) => run ?? []).sort((a, b) => a.run - b.run);
    const generations = group.flatMap(({ generation }) => generation ?? []);
    return {
      x: group.at(-1)!.x,
      kind: generations.length > 0 ? "generation" : "run",
      text: [...generations.map(generationText), ...runsText(runs)].join("; "),
      href: generations.length > 0 ? "#declared" : runPath(changes.topic, runs.at(-1)!.run),
    };
  });
}

const generationText = ({ generation, at }: MetricChanges["generations"][number]) =>
  `Plugin changed: generation ${generation} answers since ${instantText(at)}`;

/** One run with the rows that it wrote, or the number of runs; ascending. */
function runsText(runs: MetricChanges["runs"]): string[] {
  if (runs.length === 0) return [];
  const { run, at, days, rows } = runs.at(-1)!;
  if (runs.length > 1) {
    return [
      `${figure(runs.length)} batch runs, ${runs[0].run} to ${run}, the last published ` +
      instantText(at),
    ];
  }
  return [
    `Batch run ${run} published ${instantText(at)}: ${counted(days, "day")}, ` +
    counted(rows, "row"),
  ];
}

const counted = (count: number, noun: string) =>
  `${figure(count)} ${noun}${count === 1 ? "" : "s"}`;

/** The page of runs from a run on, at that run. */
const runPath = (topic: string, run: number) =>
  `/runs?${new URLSearchParams({ topic, before: String(run + 1) })}#run-${topic}-${run}`;
