-- How the speed layer and the published batch runs compare, by plugin generation and event day.
-- reads:      nothing
-- writes:     drift_days, the column not_compared of batch_runs, the view twofold_drift
-- grain:      one row per topic, plugin, generation and event day
-- parameters: none
-- idempotent: tables and columns are made only if absent, a view is replaced by itself; of the states
--             of a day the highest version stands
CREATE TABLE IF NOT EXISTS drift_days (
  topic LowCardinality(String),
  plugin LowCardinality(String),
  generation String,
  day Date,
  state LowCardinality(String) COMMENT 'equal, differs, waiting or not_comparable',
  reason LowCardinality(String) COMMENT 'why the newest run could not be compared, as a code',
  message String COMMENT 'the same in words',
  since DateTime64(3, 'UTC') COMMENT 'since when the state and the reason are these',
  run UInt64 COMMENT 'the newest run that recomputed the day',
  differing_cells UInt64 COMMENT 'cells (bucket and key) that differed when last compared',
  difference Float64,
  not_comparable UInt64 COMMENT 'states that repeats kept from being compared',
  cells Array(Tuple(
    bucket DateTime('UTC'),
    key Array(String),
    measures Array(Tuple(measure String, speed String, batch String, difference Float64))
  )) COMMENT 'the first cells that differed',
  differs_since Nullable(DateTime64(3, 'UTC')),
  accepted Nullable(DateTime64(3, 'UTC')),
  accepted_by String,
  accepted_reason String,
  version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (topic, plugin, generation, day);

ALTER TABLE batch_runs ADD COLUMN IF NOT EXISTS not_compared String DEFAULT '';

CREATE OR REPLACE VIEW twofold_drift AS
SELECT topic, plugin, generation, day, state, reason, message, since, run, differing_cells, difference,
  not_comparable, cells, differs_since, accepted, accepted_by, accepted_reason
FROM drift_days FINAL;
