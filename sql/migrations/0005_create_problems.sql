-- What Twofold cannot vouch for, by process: `SELECT * FROM twofold_problems`.
-- reads:      nothing
-- writes:     state_problems, the view twofold_problems
-- grain:      one row per process, which holds all of its problems: they change together
-- parameters: none
-- idempotent: the table is made only if absent, the view is replaced by itself; of the states of a
--             process the highest version stands
CREATE TABLE IF NOT EXISTS state_problems (
  process String COMMENT 'the id of the data folder of the process',
  seen DateTime64(3, 'UTC') COMMENT 'when the process last reported',
  problems Nested(
    since DateTime64(3, 'UTC'),
    code String,
    subject String,
    message String,
    blocking Bool,
    plugin String,
    topic String
  ),
  version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY process;

CREATE OR REPLACE VIEW twofold_problems AS
SELECT problems.since AS since, problems.code AS code, problems.subject AS subject,
  problems.message AS message, problems.blocking AS blocking, problems.plugin AS plugin,
  problems.topic AS topic, process, seen
FROM state_problems FINAL ARRAY JOIN problems
UNION ALL
SELECT seen AS since, 'process_silent' AS code, concat('process ', process) AS subject,
  concat('Process ', process, ' had problems and has not reported since ', toString(seen),
    ' UTC: what it said last may be outdated. Start it again on its data folder; if it is gone for good, its problems are removed a day after its last report.') AS message,
  false AS blocking, '' AS plugin, '' AS topic, process, seen
FROM state_problems FINAL
WHERE notEmpty(problems.code) AND seen < now64(3, 'UTC') - toIntervalMinute(5);
