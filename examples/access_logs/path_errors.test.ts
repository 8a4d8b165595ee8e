import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, rowsOf } from "twofold/testing";
import json from "./access_ndjson.format.ts";
import combined from "./combined.format.ts";
import pathErrors from "./path_errors.ts";

const line = (at: string, status: number) =>
  `192.0.2.1 - - [${at}] "GET /cart?id=7 HTTP/1.1" ${status} 512 "-" "curl/8.5.0" 0.012`;

/** The same request as the first line below, in the words of the other format and another zone. */
const again = JSON.stringify({
  time_iso8601: "2026-01-05T11:00:00+01:00",
  remote_addr: "192.0.2.1",
  request: "GET /cart?id=7 HTTP/1.1",
  status: "503",
  body_bytes_sent: "512",
  http_referer: "",
  http_user_agent: "curl/8.5.0",
  request_time: "0.012",
});

test("path_errors: a request that is logged twice counts once", async () => {
  const events = [
    ...eventsOf(combined, [
      line("05/Jan/2026:10:00:00 +0000", 503),
      line("05/Jan/2026:02:00:01 -0800", 200),
    ]),
    ...eventsOf(json, [again]),
  ];
  const { speed, batch } = await rowsOf(pathErrors, events);
  assert.deepEqual(batch, [
    { bucket: "2026-01-05T10:00:00Z", path: "/cart", requests: 2, errors: 1, error_share: 0.5 },
  ]);
  assert.deepEqual(speed, batch);
});

test("combined: a line that is no request of HTTP counts as one without a path", () => {
  const probe = line("05/Jan/2026:10:00:00 +0000", 400).replace(
    /"GET [^"]*"/,
    String.raw`"\x16\x03"`,
  );
  const { method, path, status } = JSON.parse(eventsOf(combined, [probe])[0]);
  assert.deepEqual([method, path, status], ["-", "-", 400]);
});

test("combined: what is no line of a log is a fault", () => {
  for (const wrong of ["", "hello", line("05/Foo/2026:10:00:00 +0000", 200)]) {
    assert.throws(
      () => eventsOf(combined, [wrong]),
      /^TypeError: Cannot read line 0 as combined: /,
    );
  }
});
