-- Records that could not be decoded, kept with their reason so that they can be mended and redriven.
-- reads:      nothing
-- writes:     dead_letters
-- grain:      one row per record of the log
-- parameters: none
-- idempotent: the table is made only if absent; a record that is written again replaces itself,
--             because (topic, log, partition, offset) names it for ever
CREATE TABLE IF NOT EXISTS dead_letters (
  topic LowCardinality(String),
  log String,
  partition UInt32,
  offset UInt64,
  append_time DateTime64(3, 'UTC'),
  field String,
  reason String,
  value String
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, log, partition, offset);
