-- What a plugin's part of a run reads of the archive, known before it starts.
-- reads:      nothing
-- writes:     batch_runs
-- grain:      one row per topic, run and plugin
-- parameters: none
-- idempotent: the columns are added only if absent
ALTER TABLE batch_runs
  ADD COLUMN IF NOT EXISTS events Nullable(UInt64) COMMENT 'in the files of its days, repeats included',
  ADD COLUMN IF NOT EXISTS bytes Nullable(UInt64) COMMENT 'size of these files';
