-- Which batch runs an operator has cancelled.
-- reads:      nothing
-- writes:     cancelled_runs
-- grain:      one row per topic and run that was ever to be cancelled
-- parameters: none
-- idempotent: the table is made only if absent; the latest row of a run is in force
CREATE TABLE IF NOT EXISTS cancelled_runs (
  topic String,
  run UInt64,
  at DateTime64(3, 'UTC'),
  changed_by String
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, run);
