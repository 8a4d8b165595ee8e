-- Which metrics an operator has paused.
-- reads:      nothing
-- writes:     paused_metrics
-- grain:      one row per metric that was ever paused
-- parameters: none
-- idempotent: the table is made only if absent; the latest row of a metric is in force
CREATE TABLE IF NOT EXISTS paused_metrics (
  plugin String,
  paused UInt8,
  at DateTime64(3, 'UTC'),
  changed_by String
)
ENGINE = ReplacingMergeTree(at)
ORDER BY plugin;
