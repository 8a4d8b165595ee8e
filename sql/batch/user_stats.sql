-- Reads: events (de-duplicated, below the cut, of the days to recompute).
-- Writes: the batch rows of plugin "user_stats".
-- Grain: hour and user_id.
-- Parameters: none.
-- Idempotent: a pure function of events; each run writes rows of its own.
SELECT
    toStartOfHour(event_time) AS bucket,
    user_id,
    count() AS total_events,
    groupUniqArray(movie_id) AS movies_watched,
    sum(duration) AS avg_duration_sum,
    count(duration) AS avg_duration_count
FROM events
GROUP BY bucket, user_id
