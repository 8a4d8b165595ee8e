/** One member of a consumer group: Kafka's requests for it, without reading anything. */
import { Buffer } from "node:buffer";
import { MemberAssignment, MemberMetadata } from "kafkajs/src/consumer/assignerProtocol.js";
import type { Member, Share } from "./assign.ts";
import type { KafkaAccess } from "./kafka_access.ts";
import { type GroupCoordinator, KafkaCluster } from "./kafka_cluster.ts";

/** Options of {@link KafkaGroup.connect}. */
export interface KafkaGroupOptions {
  readonly access: KafkaAccess;
  /** The topic's name in Kafka. */
  readonly topic: string;
  readonly groupId: string;
  /** A member that is silent for longer is considered dead, in milliseconds. */
  readonly sessionMs: number;
}

/** What a member tells of itself when it joins; where that changes, the group is shared out anew. */
export interface Told extends Omit<Member, "id"> {
  /** How many partitions it sees. */
  readonly partitions: number;
}

/** A member that is in the group until its generation ends. */
interface Joined {
  readonly memberId: string;
  readonly generationId: number;
}

/** Members that share out by other rules cannot be in one group. */
const PROTOCOL = "twofold-1";

/** A connection to the broker that keeps the group. */
export class KafkaGroup {
  readonly #options: KafkaGroupOptions;
  readonly #cluster: KafkaCluster;
  readonly #coordinator: GroupCoordinator;
  #joined: Joined | null = null;

  private constructor(
    options: KafkaGroupOptions,
    cluster: KafkaCluster,
    coordinator: GroupCoordinator,
  ) {
    this.#options = options;
    this.#cluster = cluster;
    this.#coordinator = coordinator;
  }

  /** Finds the broker that keeps the group. */
  static async connect(options: KafkaGroupOptions): Promise<KafkaGroup> {
    const cluster = await KafkaCluster.connect(options.access, options.topic);
    try {
      return new KafkaGroup(options, cluster, await cluster.coordinator(options.groupId));
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /**
   * Joins, or joins again, which takes until every member has done so or is taken for dead.
   *
   * @param memberId what an earlier {@link KafkaGroup.join} returned; empty for a new member.
   * @param shareOut called where this member leads the group.
   */
  async join(
    memberId: string,
    told: Told,
    shareOut: (members: readonly (Told & Member)[]) => ReadonlyMap<string, Share>,
  ): Promise<{ readonly memberId: string; readonly share: Share }> {
    const { groupId, topic, sessionMs } = this.#options;
    const userData = Buffer.from(JSON.stringify(told));
    const joined = await this.#coordinator.joinGroup({
      groupId,
      memberId,
      sessionTimeout: sessionMs,
      rebalanceTimeout: sessionMs,
      groupProtocols: [{
        name: PROTOCOL,
        metadata: MemberMetadata.encode({ version: 1, topics: [topic], userData }),
      }],
    });
    this.#joined = joined;
    const shares = joined.leaderId === joined.memberId
      ? shareOut(joined.members.map((member) => ({
        ...JSON.parse(MemberMetadata.decode(member.memberMetadata).userData.toString()) as Told,
        id: member.memberId,
      })))
      : new Map<string, Share>();
    const { memberAssignment } = await this.#coordinator.syncGroup({
      groupId,
      memberId: joined.memberId,
      generationId: joined.generationId,
      groupAssignment: [...shares].map(([id, share]) => ({
        memberId: id,
        memberAssignment: encodeShare(topic, share),
      })),
    });
    return { memberId: joined.memberId, share: decodeShare(memberAssignment) };
  }

  /** Says that this member is alive. @throws when the group is being shared out anew. */
  async heartbeat(): Promise<void> {
    await this.#coordinator.heartbeat(this.#asMember());
  }

  /** Tells other people's tools how far this member's partitions are. Nothing here reads it. */
  async commit(offsets: ReadonlyMap<number, bigint>): Promise<void> {
    const partitions = [...offsets].map(([partition, offset]) => ({
      partition,
      offset: String(offset),
    }));
    if (partitions.length === 0) return;
    const topics = [{ topic: this.#options.topic, partitions }];
    await this.#coordinator.offsetCommit({ ...this.#asMember(), topics });
  }

  /** Leaves the group, so that nobody waits for this member. */
  async leave(memberId: string): Promise<void> {
    await this.#coordinator.leaveGroup({ groupId: this.#options.groupId, memberId });
  }

  /** Ends the connection; a request under way fails. */
  async close(): Promise<void> {
    await this.#cluster.close();
  }

  #asMember() {
    const { memberId, generationId } = this.#joined!;
    return { groupId: this.#options.groupId, memberId, groupGenerationId: generationId };
  }
}

/** Kafka's own tools show the partitions; all of it is in the user data. */
function encodeShare(topic: string, share: Share): Buffer {
  return MemberAssignment.encode({
    version: 1,
    assignment: { [topic]: [...share.speed] },
    userData: Buffer.from(JSON.stringify(share)),
  });
}

function decodeShare(bytes: Buffer): Share {
  return JSON.parse(MemberAssignment.decode(bytes)!.userData.toString());
}
