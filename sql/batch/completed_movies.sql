-- Reads: events (de-duplicated, below the cut, of the days to recompute).
-- Writes: the batch rows of plugin "completed_movies".
-- Grain: hour and movie_id.
-- Parameters: none.
-- Idempotent: a pure function of events; each run writes rows of its own.
SELECT
    toStartOfHour(event_time) AS bucket,
    movie_id,
    count() AS completed_count
FROM events
WHERE event_type = 'complete'
GROUP BY bucket, movie_id
