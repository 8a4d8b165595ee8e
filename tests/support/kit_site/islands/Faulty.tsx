import { IS_BROWSER } from "fresh/runtime";

export default function Faulty() {
  if (IS_BROWSER) throw new Error("fails in the browser");
  return <p>Rendered</p>;
}
