import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

export default function Panel(props: { open: boolean; children?: ComponentChildren }) {
  const open = useSignal(props.open);
  return (
    <section>
      <button type="button" class="toggle" onClick={() => open.value = !open.value}>Toggle</button>
      {open.value && <div>{props.children}</div>}
    </section>
  );
}
