import { signal } from "@preact/signals";
import Counter from "../islands/Counter.tsx";
import Faulty from "../islands/Faulty.tsx";
import List from "../islands/List.tsx";
import Panel from "../islands/Panel.tsx";

export default function Parts() {
  return (
    <main>
      <Faulty />
      <p id="lists">
        <List name="a" items={["1", "2"]} />
        <List name="b" items={[]} />
        <u>end</u>
      </p>
      <Panel open>
        <Panel open={false}>
          <label for="choice" class="label">Choice</label>
          <input id="choice" type="checkbox" checked disabled readonly />
          <select id="select">
            <option>a</option>
            <option selected>b</option>
          </select>
          <svg viewBox="0 0 1 1">
            <path id="path" d="M0 0" stroke-width="2" />
          </svg>
          <p draggable={false} id="drag">{"<b>"} &amp; text</p>
          <Counter id="deep" count={signal(1)} since={new Date(1)} />
        </Panel>
      </Panel>
    </main>
  );
}
