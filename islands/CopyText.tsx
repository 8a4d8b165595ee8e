/** Copies a text, or the address of the page. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** @param props.text what is copied; null for the address. */
export default function CopyText({ text, label }: {
  readonly text: string | null;
  readonly label: string;
}) {
  const said = useSignal("");
  const alive = useSignal(false);
  useEffect(() => {
    alive.value = true;
  }, []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text ?? location.href);
      said.value = "Copied.";
    } catch {
      said.value = "The browser does not allow copying.";
    }
  };
  return (
    <span hidden={!alive.value}>
      <button type="button" onClick={copy}>{label}</button> <span role="status">{said.value}</span>
    </span>
  );
}
