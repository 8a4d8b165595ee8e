-- Batch runs under way: the parts that wait or are computed have rows too, until they end.
-- reads:      nothing
-- writes:     batch_runs
-- grain:      one row per topic, run and plugin
-- parameters: none
-- idempotent: the column is added only if absent
ALTER TABLE batch_runs
  ADD COLUMN IF NOT EXISTS days_done UInt32 DEFAULT days COMMENT 'of days, those that are computed';
