/** Workers on real servers whose schema changes, and what was sent to them. */
import type { Producer } from "kafkajs";
import { expect } from "testing";
import { decodeFrontier } from "../../runtime/model/frontier.ts";
import type { MetricAnswer } from "../../runtime/ports/services.ts";
import { countNotes, type NoteFields, type NoteRow, noteText } from "./changing_notes.ts";
import type { RunningProcess } from "./command.ts";
import { eventually } from "./eventually.ts";
import { testKafka } from "./kafka_topic.ts";
import { Cluster, statusOf } from "./workers.ts";

const PARTITIONS = 4;
/** On a busy machine workers take their time. */
export const SLOW = { deadlineMs: 180_000, pauseMs: 250 };

interface DeadLetterPage {
  readonly dead_letters: readonly unknown[];
  readonly next: string | null;
}

/** Workers that count notes, and the notes. */
export class NotesCluster {
  readonly #producer: Producer = testKafka().producer({ idempotent: true, maxInFlightRequests: 1 });
  /** By partition, the records by their offsets. */
  readonly #sent = Array.from({ length: PARTITIONS }, () => new Map<bigint, string>());
  /** By generation of the metric, the fields by which it counts. */
  readonly #generations = new Map<string, NoteFields>();
  #count = 0;

  private constructor(readonly cluster: Cluster, readonly dir: string) {}

  static async open(dir: string): Promise<NotesCluster> {
    const cluster = await Cluster.open({ partitions: PARTITIONS, topic: "notes" });
    const world = new NotesCluster(cluster, dir);
    await world.#producer.connect();
    return world;
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
    await this.cluster.close();
  }

  /** Sends notes, one in ten of them twice; every partition gets all kinds of them. */
  async send(count: number): Promise<void> {
    const batches = Array.from({ length: PARTITIONS }, () => [] as string[]);
    for (let i = this.#count; i < this.#count + count; i++) {
      const text = noteText(i);
      batches[Math.floor(i / 8) % PARTITIONS].push(text, ...i % 10 === 0 ? [text] : []);
    }
    this.#count += count;
    const topicMessages = [{
      topic: this.cluster.topic,
      messages: batches.flatMap((texts, partition) => texts.map((value) => ({ partition, value }))),
    }];
    for (const { partition, baseOffset } of await this.#producer.sendBatch({ topicMessages })) {
      for (const [i, text] of batches[partition].entries()) {
        this.#sent[partition].set(BigInt(baseOffset!) + BigInt(i), text);
      }
    }
  }

  /** What all that was sent comes to, or what lies below a frontier. */
  truth(fields: NoteFields, frontier?: string): ReturnType<typeof countNotes> {
    const [offsets] = frontier === undefined ? [] : Object.values(decodeFrontier(frontier));
    const texts = this.#sent.flatMap((of, partition) =>
      [...of].filter(([offset]) => frontier === undefined || offset < (offsets?.[partition] ?? 0n))
        .map(([, text]) => text)
    );
    return countNotes(texts, fields);
  }

  /** Starts a worker with the code of a folder; does not wait for it. */
  spawn(folder: string, env: Readonly<Record<string, string>> = {}): RunningProcess {
    return this.cluster.spawn(env, `${this.dir}/${folder}`);
  }

  /** Starts a worker whose code has these fields. */
  async start(
    folder: string,
    fields: NoteFields,
    env: Readonly<Record<string, string>> = {},
  ): Promise<RunningProcess> {
    const worker = this.spawn(folder, env);
    await this.know(worker, fields);
    return worker;
  }

  /** Learns which generation of the metric has these fields. */
  async know(worker: RunningProcess, fields: NoteFields): Promise<void> {
    const { plugins } = await statusOf(worker);
    this.#generations.set(plugins.find(({ plugin }) => plugin === "every")!.generation, fields);
  }

  async stop(worker: RunningProcess): Promise<void> {
    this.cluster.workers.splice(this.cluster.workers.indexOf(worker), 1);
    expect([await worker.end("SIGTERM"), worker.text]).toEqual([0, expect.anything()]);
  }

  /** The fields of the generation that an answer is of. */
  fieldsOf({ generation }: MetricAnswer): NoteFields {
    return this.#generations.get(generation)!;
  }

  /**
   * Asks every worker in every layer, and says that each answer is the count of what lies below its
   * frontier, by the schema of its generation, or refuses in words.
   *
   * @returns the answers.
   */
  async ask(): Promise<MetricAnswer[]> {
    const answers: MetricAnswer[] = [];
    for (const worker of this.cluster.workers) {
      for (const layer of ["merged", "batch", "speed"]) {
        const answer = await answerOf(worker, layer);
        if ("detail" in answer) {
          expect([layer, answer.detail]).toEqual([layer, expect.stringMatching(/batch run|wait/)]);
          continue;
        }
        const fields = this.fieldsOf(answer);
        const covered = layer === "batch" ? answer.cut : answer.frontier;
        expect([layer, answer.generation, covered, rowsOf(answer.rows)])
          .toEqual([layer, answer.generation, covered, this.truth(fields, covered).rows]);
        answers.push(answer);
      }
      await this.#askSql(worker);
    }
    return answers;
  }

  /** The relation has what the API answers, while nothing moves. */
  async #askSql(worker: RunningProcess): Promise<void> {
    const sql = (columns: string) =>
      `SELECT sort, toFloat64(sum(n)) AS n, toFloat64(sum(total)) AS total${columns} ` +
      "FROM merged_every GROUP BY sort ORDER BY sort";
    await eventually("the relation to have what is answered", async () => {
      const before = await answerOf(worker, "merged");
      if ("detail" in before) return true;
      const fields = this.fieldsOf(before);
      const scores = fields.scored ? ", toFloat64(sum(scores)) AS scores" : "";
      const rows = await rowsOfSql(worker, sql(scores));
      return JSON.stringify(rows) === JSON.stringify(this.truth(fields, before.frontier).rows);
    });
  }

  /** Waits until a worker answers for all that was sent by a schema, then asks all. */
  async answers(fields: NoteFields): Promise<void> {
    const all = this.truth(fields);
    for (const worker of this.cluster.workers) {
      await eventually(
        "all to be answered",
        async () => {
          const answer = await answerOf(worker, "merged");
          return "detail" in answer ? answer.detail : rowsOf(answer.rows);
        },
        (rows) => JSON.stringify(rows) === JSON.stringify(all.rows),
        SLOW,
      );
    }
    for (const answer of await this.ask()) expect(this.fieldsOf(answer)).toBe(fields);
  }

  /** Runs the batch layer, wherever its turn is, up to the end. */
  async run(fields: NoteFields): Promise<void> {
    await eventually(
      "all to be archived",
      () => statusOf(this.cluster.workers[0]),
      (status) => status.topics[0].partitions.every((of) => of.archived === of.log_end),
      SLOW,
    );
    const [worker] = this.cluster.workers;
    await eventually(
      "a run up to the end",
      async () => {
        const runs = new URL("/api/v1/batch/runs?full=true", await worker.url());
        await (await fetch(runs, { method: "POST" })).body?.cancel();
        const answer = await answerOf(worker, "batch");
        return "detail" in answer ? answer.detail : rowsOf(answer.rows);
      },
      (rows) => JSON.stringify(rows) === JSON.stringify(this.truth(fields).rows),
      SLOW,
    );
  }

  /** Says that a worker has no drift, no problem and no damage, and lists the dead letters. */
  async sound(worker: RunningProcess, fields: NoteFields): Promise<void> {
    const status = () => statusOf(worker);
    const { plugins } = await eventually(
      "no problem",
      status,
      (of) => of.problems.length === 0,
      SLOW,
    );
    expect(plugins.map(({ drift, drifting_days }) => [drift, drifting_days])).toEqual([[0, 0]]);
    let letters = 0;
    for (let next: string | null = ""; next !== null;) {
      const path: string = `/api/v1/dead-letters?limit=1000${next && `&after=${next}`}`;
      const page: DeadLetterPage = await (await fetch(new URL(path, await worker.url()))).json();
      letters += page.dead_letters.length;
      next = page.next;
    }
    expect(letters).toBe(this.truth(fields).letters);
    const verify = new URL("/api/v1/verify", await worker.url());
    const response = await fetch(verify, { method: "POST" });
    expect((await response.json()).findings).toEqual([]);
  }
}

const rowsOf = (rows: MetricAnswer["rows"]): NoteRow[] =>
  rows.map(({ sort, n, total, scores }) => ({
    sort: String(sort),
    n: Number(n),
    total: Number(total),
    ...scores === undefined ? {} : { scores: Number(scores) },
  })).sort((a, b) => a.sort < b.sort ? -1 : 1);

/** What a worker answers: the whole of `every`, or why it does not. */
export async function answerOf(
  worker: RunningProcess,
  layer: string,
): Promise<MetricAnswer | { detail: string }> {
  const path = `/api/v1/metrics/every?layer=${layer}&bucket=all`;
  const response = await fetch(new URL(path, await worker.url()));
  const answer = await response.json();
  if (response.status !== 503) expect([response.status, answer]).toEqual([200, answer]);
  return answer;
}

/** The rows of a statement, or what is said instead. */
export async function rowsOfSql(worker: RunningProcess, sql: string): Promise<unknown> {
  const response = await fetch(new URL("/api/v1/sql", await worker.url()), {
    method: "POST",
    body: sql,
    headers: { "content-type": "text/plain" },
  });
  const answer = await response.json();
  if (response.status !== 200) return answer;
  return answer.rows;
}
