-- Reads: events (de-duplicated, below the cut, of the days to recompute).
-- Writes: the batch rows of plugin "hourly_stats".
-- Grain: hour and event_type.
-- Parameters: none.
-- Idempotent: a pure function of events; each run writes rows of its own.
SELECT
    toStartOfHour(event_time) AS bucket,
    event_type,
    count() AS event_count
FROM events
GROUP BY bucket, event_type
