import { signal } from "@preact/signals";
import { Head } from "fresh/runtime";
import Counter from "../islands/Counter.tsx";
import Panel from "../islands/Panel.tsx";

export default function Home() {
  const count = signal(3);
  return (
    <main>
      <Head>
        <title>Home &amp; away</title>
        <meta name="description" content="first" />
      </Head>
      <Counter id="one" count={count} since={new Date(0)} />
      <Counter id="two" count={count} since={new Date(0)} />
      <Panel open>
        <p>
          Shown <b>bold</b>
        </p>
        <Counter id="inside" count={count} since={new Date(0)} />
      </Panel>
      <Panel open={false}>
        <p id="late">Late</p>
        <Counter id="hidden" count={count} since={new Date(0)} />
      </Panel>
    </main>
  );
}
