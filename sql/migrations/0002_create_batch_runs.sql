-- What every batch run did for every plugin: its cut, its cost and the drift that it found.
-- reads:      nothing
-- writes:     batch_runs
-- grain:      one row per topic, run and plugin
-- parameters: none
-- idempotent: the table is made only if absent; of the states of a run the highest version stands
CREATE TABLE IF NOT EXISTS batch_runs (
  topic String,
  run UInt64,
  plugin LowCardinality(String),
  status LowCardinality(String),
  mode LowCardinality(String) COMMENT 'full or incremental',
  started DateTime64(3, 'UTC'),
  finished DateTime64(3, 'UTC'),
  cut Map(String, Array(UInt64)) COMMENT 'by log: the next offset of each partition',
  days UInt32,
  rows UInt64,
  drift Float64,
  unseen_repeats UInt64,
  error String,
  version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (topic, run, plugin);
