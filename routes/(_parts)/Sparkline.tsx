/** A line without axes; the figure beside it tells what matters. */
export interface SparklineProps {
  /** Null where there is none. */
  readonly values: readonly (number | null)[];
  /** What it shows, for those who do not see it. */
  readonly label: string;
}

const WIDTH = 100;
const HEIGHT = 24;

/** Draws values from left to right, from 0 to the greatest; where there is none, it has a gap. */
export function Sparkline({ values, label }: SparklineProps) {
  const most = Math.max(...values.map((value) => value ?? 0), 0);
  const step = WIDTH / Math.max(values.length - 1, 1);
  const pieces: { x: string; y: string }[][] = [[]];
  for (const [i, value] of values.entries()) {
    if (value === null) pieces.push([]);
    else {
      const y = HEIGHT - (most === 0 ? 0 : value / most * HEIGHT);
      pieces.at(-1)!.push({ x: (i * step).toFixed(1), y: y.toFixed(1) });
    }
  }
  return (
    <svg
      class="sparkline"
      viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {pieces.filter((piece) => piece.length > 0).map((piece) => {
        // A value between two gaps stands on the base line.
        const foot = piece.length === 1 ? [{ x: piece[0].x, y: String(HEIGHT) }] : [];
        const points = [...foot, ...piece].map(({ x, y }) => `${x},${y}`).join(" ");
        const [from, to] = [piece[0].x, piece.at(-1)!.x];
        return (
          <g key={from}>
            <polygon points={`${from},${HEIGHT} ${points} ${to},${HEIGHT}`} />
            <polyline points={points} vector-effect="non-scaling-stroke" />
          </g>
        );
      })}
    </svg>
  );
}

/** A share of the greatest value as a bar; the number beside it tells the same. */
export function Bar({ share }: { readonly share: number }) {
  const width = Math.round(Math.min(Math.max(share, 0), 1) * 1000) / 10;
  return (
    <svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect width={width} height="1" />
    </svg>
  );
}
