-- Reads: events (de-duplicated, below the cut, of the days to recompute).
-- Writes: the batch rows of plugin "ratings".
-- Grain: hour and movie_id.
-- Parameters: none.
-- Idempotent: a pure function of events; each run writes rows of its own.
SELECT
    toStartOfHour(event_time) AS bucket,
    movie_id,
    count() AS rating_count,
    sum(rating) AS rating_sum
FROM events
WHERE rating IS NOT NULL
GROUP BY bucket, movie_id
