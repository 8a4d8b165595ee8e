/** Marks on a chart: thin lines, each with a handle that links to what happened. */
import type { Signal } from "@preact/signals";
import { type ChartMark, type DrawnAxis, marksOf, type MetricChanges } from "./chart_marks.ts";

/** The marks; hovering or focusing a handle shows its label. */
export function ChartMarks({ changes, axis }: {
  readonly changes: MetricChanges | null;
  readonly axis: Signal<DrawnAxis | null>;
}) {
  const drawn = axis.value;
  if (changes === null || drawn === null) return null;
  return (
    <ul
      class="marks"
      style={{ left: `${drawn.left}px`, width: `${drawn.width}px`, height: `${drawn.height}px` }}
    >
      {marksOf(changes, drawn).map((mark) => (
        <Mark key={`${mark.href} ${mark.text}`} mark={mark} width={drawn.width} />
      ))}
    </ul>
  );
}

/** Its label slides along with it, so that it never leaves the picture. */
function Mark({ mark: { x, kind, text, href }, width }: {
  readonly mark: ChartMark;
  readonly width: number;
}) {
  const share = `${100 * x / width}%`;
  return (
    <li data-mark={kind}>
      <a href={href} aria-label={text} style={{ left: share }} />
      <span aria-hidden="true" style={{ left: share, translate: `-${share}` }}>{text}</span>
    </li>
  );
}
