import { type Signal, useSignal } from "@preact/signals";
import { IS_BROWSER } from "fresh/runtime";
import { useEffect } from "preact/hooks";

export interface CounterProps {
  readonly id: string;
  readonly count: Signal<number>;
  readonly since: Date;
}

export default function Counter({ id, count, since }: CounterProps) {
  const live = useSignal(false);
  useEffect(() => void (live.value = IS_BROWSER), []);
  return (
    <button type="button" id={id} data-live={live} onClick={() => count.value++}>
      {count} since {since.getTime()}
    </button>
  );
}
