import { eventLogSuite } from "../conformance/event_log_suite.ts";
import { openTestLog } from "../support/kafka_topic.ts";

eventLogSuite("Kafka", (partitions) => ({
  partitions,
  open: () => openTestLog({ createWith: { partitions } }),
}));
