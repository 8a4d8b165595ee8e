"""Counts an archive's records with DuckDB by event day: FOLDER; writes one JSON object."""

import json
import sys

import duckdb

(folder,) = sys.argv[1:]
duckdb.sql("SET TimeZone = 'UTC'")
records = duckdb.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)
days = duckdb.sql(
    "SELECT CAST(dt AS VARCHAR), count(*),"
    " count(*) FILTER (CAST(event_time AS DATE) <> CAST(dt AS DATE))"
    " FROM records GROUP BY dt ORDER BY dt"
).fetchall()
((count, duration_ms),) = duckdb.sql(
    "SELECT count(*), CAST(1000 * sum(duration) AS BIGINT) FROM records"
).fetchall()
print(json.dumps({
    "records": count,
    "durationMs": duration_ms,
    "days": [dict(zip(("day", "events", "elsewhere"), day)) for day in days],
}))
