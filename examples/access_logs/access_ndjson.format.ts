import { defineRowFormat, RowFault } from "twofold";
import { accessLog } from "./access_log.schema.ts";
import { eventOf } from "./access_log.shared.ts";

/**
 * Lines of nginx' `log_format … escape=json` with the variables' own names:
 *
 *     {"time_iso8601":"2026-01-05T10:00:00+01:00","remote_addr":"192.0.2.1",
 *      "request":"GET / HTTP/1.1","status":"200","body_bytes_sent":"512","http_referer":"",
 *      "http_user_agent":"curl/8.5.0","request_time":"0.012"}
 */
export default defineRowFormat(accessLog, {
  name: "access-ndjson",
  summary: "JSON lines with nginx' names: time_iso8601, remote_addr, request, status, …",
  matches: (line) => /^\{.*"remote_addr":.*\}$/.test(line),
  parse(line) {
    const given = JSON.parse(line) as Readonly<Record<string, string | number | undefined>>;
    const missing = ["time_iso8601", "remote_addr", "request", "status"]
      .find((name) => given[name] === undefined);
    if (missing !== undefined) return new RowFault("", `a line with ${missing}`);
    const text = (name: string, empty: string) => String(given[name] ?? "") || empty;
    return eventOf({
      at: text("time_iso8601", ""),
      client: text("remote_addr", ""),
      request: text("request", ""),
      status: text("status", ""),
      bytes: text("body_bytes_sent", "-"),
      referer: text("http_referer", "-"),
      agent: text("http_user_agent", "-"),
      seconds: text("request_time", "") || undefined,
    });
  },
});
