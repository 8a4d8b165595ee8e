-- Reads: events (de-duplicated, below the cut, of the days to recompute).
-- Writes: the batch rows of plugin "rating_stars".
-- Grain: hour, movie_id and whole stars.
-- Parameters: none.
-- Idempotent: a pure function of events; each run writes rows of its own.
SELECT
    toStartOfHour(event_time) AS bucket,
    movie_id,
    toUInt32(floor(rating)) AS stars,
    count() AS star_count
FROM events
WHERE rating IS NOT NULL
GROUP BY bucket, movie_id, stars
