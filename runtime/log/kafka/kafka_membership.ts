/** Sharing a topic's work by a consumer group. */
import { within } from "../../std/abortable.ts";
import type { Clock } from "../../std/clock.ts";
import type { Assignment, Membership } from "../../ports/ports.ts";
import { assign, type Share } from "./assign.ts";
import { kafkaError } from "./kafka_error.ts";
import { KafkaGroup, type KafkaGroupOptions } from "./kafka_group.ts";

/** Options of {@link KafkaMembership}. */
export interface KafkaMembershipOptions extends KafkaGroupOptions {
  /** What this process can do. */
  readonly roles: readonly string[];
  /** How many partitions the topic has, as far as this process knows. */
  readonly partitionCount: () => number;
  readonly clock: Clock;
}

const NOTHING: Share = { speed: [], archive: [], batch: false };
/** A group only sees members that can do some of its work. */
const SHARED_ROLES = ["speed", "archive", "batch"];
const HEARTBEATS_PER_SESSION = 6;
/** So long a broker that has just started may load its groups before that is a fault. */
const LOADING_MS = 15_000;
const COMMIT_MS = 5000, PAUSE_MS = 500, LEAVE_MS = 2000;

/**
 * Takes part in a consumer group. What falls to this process stays so until the group says something
 * else: while the group is being shared out anew, or cannot be reached, the work goes on. Two
 * processes may so work on one partition for a while, which does no harm.
 */
export class KafkaMembership implements Membership {
  readonly shared = true;
  readonly #options: KafkaMembershipOptions;
  #share = NOTHING;
  #assignment = assignmentOf(NOTHING);
  #moved = Promise.withResolvers<void>();
  #memberId = "";
  #error: Error | null = null;
  /** Since when no attempt to join has succeeded; null while one has. */
  #failingSinceMs: number | null = null;

  constructor(options: KafkaMembershipOptions) {
    this.#options = options;
  }

  get error(): Error | null {
    return this.#error;
  }

  assignment(): Assignment {
    return this.#assignment;
  }

  async changed(known: Assignment, signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const wake = () => aborted.resolve();
    signal.addEventListener("abort", wake, { once: true });
    while (this.#assignment === known && !signal.aborted) {
      await Promise.race([this.#moved.promise, aborted.promise]);
    }
    signal.removeEventListener("abort", wake);
  }

  async run(signal: AbortSignal, progress: () => ReadonlyMap<number, bigint>): Promise<void> {
    const { roles, clock } = this.#options;
    if (!roles.some((role) => SHARED_ROLES.includes(role))) return;
    const sessions = this.#sessions(signal, progress);
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    if (!signal.aborted) await aborted.promise;
    // A join under way may take as long as a session; to leave ends it. Without its answer a new
    // member has no name to leave by, and its session ends it.
    await within(LEAVE_MS, this.#leave().then(() => sessions), clock);
  }

  async #sessions(signal: AbortSignal, progress: () => ReadonlyMap<number, bigint>) {
    const { clock, groupId } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#session(signal, progress);
      } catch (error) {
        if (signal.aborted) return;
        this.#failingSinceMs ??= clock.now();
        const failingMs = clock.now() - this.#failingSinceMs;
        if (!isLoading(error) || failingMs >= LOADING_MS) {
          this.#error = kafkaError(`take part in group "${groupId}"`, error, {});
        }
        await clock.sleep(PAUSE_MS, signal);
      }
    }
  }

  /** One connection's time in the group. @throws when the connection or the broker fails. */
  async #session(signal: AbortSignal, progress: () => ReadonlyMap<number, bigint>) {
    const group = await KafkaGroup.connect(this.#options);
    try {
      while (!signal.aborted) {
        try {
          const partitions = await this.#join(group);
          await this.#stay(group, partitions, signal, progress);
        } catch (error) {
          const { type } = error as { type?: string };
          if (type === "UNKNOWN_MEMBER_ID") this.#memberId = "";
          else if (type !== "REBALANCE_IN_PROGRESS" && type !== "ILLEGAL_GENERATION") throw error;
        }
      }
    } finally {
      await group.close().catch(() => {}); // it may be what failed
    }
  }

  /** @returns how many partitions this process saw when it joined. */
  async #join(group: KafkaGroup): Promise<number> {
    const { roles, partitionCount } = this.#options;
    const told = { roles, has: this.#share, partitions: partitionCount() };
    // Partitions that some member does not know yet are shared out when it does: it joins again.
    const { memberId, share } = await group.join(
      this.#memberId,
      told,
      (members) => assign(members, Math.min(...members.map(({ partitions }) => partitions))),
    );
    this.#memberId = memberId;
    this.#error = null;
    this.#failingSinceMs = null;
    if (JSON.stringify(share) !== JSON.stringify(this.#share)) {
      this.#share = share;
      this.#assignment = assignmentOf(share);
      this.#moved.resolve();
      this.#moved = Promise.withResolvers();
    }
    return told.partitions;
  }

  /** Stays in the group until it has to be joined again. */
  async #stay(
    group: KafkaGroup,
    partitions: number,
    signal: AbortSignal,
    progress: () => ReadonlyMap<number, bigint>,
  ): Promise<void> {
    const { clock, sessionMs, partitionCount } = this.#options;
    let committedMs = clock.now();
    while (!signal.aborted && partitions === partitionCount()) {
      await clock.sleep(sessionMs / HEARTBEATS_PER_SESSION, signal);
      if (signal.aborted) return;
      await group.heartbeat();
      if (clock.now() - committedMs < COMMIT_MS) continue;
      committedMs = clock.now();
      await group.commit(progress());
    }
  }

  /** On a connection of its own: a broker answers a connection's requests one after the other. */
  async #leave(): Promise<void> {
    if (this.#memberId === "") return;
    try {
      const group = await KafkaGroup.connect(this.#options);
      await group.leave(this.#memberId);
      await group.close();
    } catch { /* Its session ends it. */ }
  }
}

function assignmentOf({ speed, archive, batch }: Share): Assignment {
  return { speed: new Set(speed), archive: new Set(archive), batch };
}

/** Whether a broker has not read its groups yet, as in the first seconds after its start. */
const isLoading = (error: unknown) =>
  error instanceof Error && "type" in error && error.type === "GROUP_LOAD_IN_PROGRESS";
