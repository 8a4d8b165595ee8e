/** The operator's name, which what they do is recorded with. */
import type { Signal } from "@preact/signals";

/** Takes the name. */
export function OperatorName({ by }: { readonly by: Signal<string> }) {
  return (
    <label>
      <span>Your name, for the record</span>
      <input
        value={by.value}
        maxLength={200}
        onInput={(event) => by.value = event.currentTarget.value}
      />
    </label>
  );
}
