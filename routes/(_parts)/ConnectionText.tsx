/** How a page's connection is, in words. */
import { instantText } from "./figures.ts";
import type { Connection } from "./poll.ts";

const words: Readonly<Record<Connection | "paused", string>> = {
  live: "Live",
  late: "Slow",
  lost: "Disconnected, retrying …",
  waiting: "",
  paused: "Paused",
};

/** The connection's state; where it is not live, with the time of the figures, which is not announced. */
export function ConnectionText({ connection, asOf }: {
  readonly connection: Connection | "paused";
  /** ISO 8601. */
  readonly asOf: string;
}) {
  const isOld = connection !== "live" && connection !== "waiting";
  return (
    <>
      <span role="status">{words[connection]}</span>
      {isOld && <span>, as of {instantText(asOf)}</span>}
    </>
  );
}
