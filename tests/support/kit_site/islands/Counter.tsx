import type { Signal } from "@preact/signals";
import { IS_BROWSER } from "fresh/runtime";

export interface CounterProps {
  readonly id: string;
  readonly count: Signal<number>;
  readonly since: Date;
}

export default function Counter({ id, count, since }: CounterProps) {
  return (
    <button type="button" id={id} data-live={IS_BROWSER} onClick={() => count.value++}>
      {count} since {since.getTime()}
    </button>
  );
}
