/** The figures of the bucket at a chart's cursor. */
import type { Signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Lines } from "./chart.ts";
import type { ChartCursor } from "./chart_cursor.ts";
import { readingOf } from "./chart_reading.ts";

/** Between the cursor and the tooltip, in pixels. */
const GAP = 12;

/** The figures beside the cursor, inside the plot. Screen readers get its text as a status. */
export function ChartTooltip({ lines, cursor }: {
  readonly lines: Lines | null;
  readonly cursor: Signal<ChartCursor | null>;
}) {
  const box = useRef<HTMLDivElement>(null);
  const reading = readingOf(lines, cursor.value);
  useLayoutEffect(() => {
    if (box.current === null || cursor.value === null) return;
    const { x, y } = cursor.value;
    const { offsetWidth, offsetHeight, parentElement, style } = box.current;
    const { clientWidth, clientHeight } = parentElement!;
    style.left = `${besideOf(x, offsetWidth, clientWidth)}px`;
    style.top = `${Math.max(0, Math.min(y, clientHeight - offsetHeight))}px`;
  });
  if (reading === null) return null;
  return (
    <div class="tooltip" ref={box} aria-hidden="true">
      <p>
        <b>{reading.time}</b>
        {reading.isOpen && " still filling"}
      </p>
      <dl>
        {reading.entries.map(({ label, colour, dashed, value, share }) => (
          <div key={label}>
            <dt>
              <i class={dashed ? "dashed" : undefined} style={{ color: `var(${colour})` }} />
              {label}
            </dt>
            <dd>{value}</dd>
            <dd class="share">{share}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** To the right of a place where there is room, else to its left, else as far right as there is room. */
export function besideOf(at: number, size: number, room: number): number {
  if (at + GAP + size <= room) return at + GAP;
  if (at - GAP - size >= 0) return at - GAP - size;
  return Math.max(0, room - size);
}
