/** Where the time of this process goes, by part: V8's sampling profiler. */
import inspector from "node:inspector";

/** Parts by what is in a function's URL; the first that fits. */
const PARTS: readonly (readonly [part: string, url: RegExp])[] = [
  ["kafkajs", /node_modules\/.*kafkajs/],
  ["reading Kafka's batches", /runtime\/log\//],
  ["decoding", /runtime\/(decode|columns)/],
  ["repeats, windows, rows", /runtime\/(speed|row_binary|blocks)/],
  ["ClickHouse's client", /runtime\/warehouse|clickhouse/],
  ["sockets, zlib and timers", /^(ext|node|checkin):/],
];

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly url: string; readonly functionName: string };
}

const session = new inspector.Session();

function post(method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(
      method,
      (error: Error | null, answer: unknown) => error ? reject(error) : resolve(answer),
    );
  });
}

/** Begins to sample. */
export async function startProfile(): Promise<void> {
  session.connect();
  await post("Profiler.enable");
  await post("Profiler.start");
}

/** Ends sampling. @returns by part, its share of the time in which the process was not idle. */
export async function profileOf(): Promise<Record<string, number>> {
  const { profile: { nodes, samples } } = await post("Profiler.stop") as {
    profile: { nodes: readonly ProfileNode[]; samples: readonly number[] };
  };
  const parts = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const busy = samples.map((id) => parts.get(id)!).filter((part) => part !== "(idle)");
  const shares: Record<string, number> = {};
  for (const part of busy) shares[part] = (shares[part] ?? 0) + 1 / busy.length;
  return shares;
}

function partOf({ url, functionName }: ProfileNode["callFrame"]): string {
  if (/^\((idle|garbage collector)\)$/.test(functionName)) return functionName;
  return PARTS.find(([, pattern]) => pattern.test(url))?.[0] ?? "other";
}
