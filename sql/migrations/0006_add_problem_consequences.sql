-- What fails because of a problem, beside it.
-- reads:      nothing
-- writes:     state_problems, the view twofold_problems
-- grain:      one row per process, which holds all of its problems: they change together
-- parameters: none
-- idempotent: the column is added only if absent, the view is replaced by itself
ALTER TABLE state_problems
  ADD COLUMN IF NOT EXISTS `problems.affects` Array(String) COMMENT 'JSON: what fails because of each';

CREATE OR REPLACE VIEW twofold_problems AS
SELECT problems.since AS since, problems.code AS code, problems.subject AS subject,
  problems.message AS message, problems.blocking AS blocking, problems.plugin AS plugin,
  problems.topic AS topic, process, seen,
  JSONExtract(problems.affects, 'Array(Tuple(code String, subject String))') AS affects
FROM state_problems FINAL ARRAY JOIN problems
UNION ALL
SELECT seen AS since, 'process_silent' AS code, concat('process ', process) AS subject,
  concat('Process ', process, ' had problems and has not reported since ', toString(seen),
    ' UTC: what it said last may be outdated. Start it again on its data folder; if it is gone for good, its problems are removed a day after its last report.') AS message,
  false AS blocking, '' AS plugin, '' AS topic, process, seen,
  CAST([], 'Array(Tuple(code String, subject String))') AS affects
FROM state_problems FINAL
WHERE notEmpty(problems.code) AND seen < now64(3, 'UTC') - toIntervalMinute(5);
