import { useSignal } from "@preact/signals";

/** Has no element around it: it grows between its neighbours. */
export default function List({ name, items }: { name: string; items: readonly string[] }) {
  const shown = useSignal(items);
  return (
    <>
      {shown.value.map((item) => <i key={item}>{item}</i>)}
      <button type="button" id={name} onClick={() => shown.value = [...shown.value, `${name}!`]} />
      {shown.value.length > items.length && <b>{name} grew</b>}
    </>
  );
}
