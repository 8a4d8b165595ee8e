/** Yardsticks: consumers as kafkajs has them, in this process. */
import { type IHeaders, type KafkaMessage } from "kafkajs";
import { testKafka } from "../tests/support/kafka_topic.ts";
import { type Spent, spent } from "./figures.ts";

/** What a consumer does with a message. */
export type Consume = (message: Pick<KafkaMessage, "value"> & { headers?: IHeaders }) => void;

/** Reads so many events of a topic, from the moment at which the partitions are given. */
export async function consume(topic: string, events: number, each: Consume): Promise<Spent> {
  const consumer = testKafka().consumer({ groupId: `yardstick-${crypto.randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const joined = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
  let seen = 0;
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const message of batch.messages) each(message);
      seen += batch.messages.length;
      if (seen >= events) done.resolve();
      return Promise.resolve();
    },
  });
  await joined.promise;
  const figures = await spent(() => done.promise);
  await consumer.disconnect();
  return figures;
}
