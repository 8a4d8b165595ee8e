-- Who sent which dead letters again, when, as which events.
-- reads:      nothing
-- writes:     redrives
-- grain:      one row per dead letter and redrive
-- parameters: none
-- idempotent: the table is made only if absent; a letter's row is written before its event is appended,
--             and replaced by one with sent = 1 after it
CREATE TABLE IF NOT EXISTS redrives (
  topic LowCardinality(String),
  log String,
  partition UInt32,
  offset UInt64,
  redrive String COMMENT 'the same for all letters of one redrive',
  at DateTime64(3, 'UTC'),
  redriven_by String,
  patch String COMMENT 'JSON: the fields that were set',
  event_id String COMMENT 'the identity of the event, together with event_time',
  event_time DateTime64(9, 'UTC'),
  sent UInt8 COMMENT 'whether the log took the event; 0 also where a process died meanwhile'
)
ENGINE = ReplacingMergeTree(sent)
ORDER BY (topic, log, partition, offset, redrive);
