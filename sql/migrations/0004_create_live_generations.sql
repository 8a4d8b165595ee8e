-- Which generation of each metric answers, and the declaration that it answers by.
-- reads:      nothing
-- writes:     live_generations
-- grain:      one row per plugin and claim; the row of the greatest claim is in force
-- parameters: none
-- idempotent: the table is made only if absent; of the states of a claim the last seen one stands
CREATE TABLE IF NOT EXISTS live_generations (
  topic LowCardinality(String),
  plugin String,
  claim UInt64 COMMENT 'the number of the claim that made the generation the wanted one',
  generation String,
  declaration String COMMENT 'JSON, without functions',
  since DateTime64(3, 'UTC') COMMENT 'when it went live',
  seen DateTime64(3, 'UTC') COMMENT 'when a process last had its code',
  retired Nullable(DateTime64(3, 'UTC')) COMMENT 'when no process had the plugin any more'
)
ENGINE = ReplacingMergeTree(seen)
ORDER BY (plugin, claim);
