import { defineRowFormat, RowFault } from "twofold";
import { accessLog } from "./access_log.schema.ts";
import { eventOf } from "./access_log.shared.ts";

const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`;
const LINE = new RegExp(
  String.raw`^(\S+) \S+ .*?\[(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)\] ` +
    `${QUOTED} (\\d{3}) (\\d+|-) ${QUOTED} ${QUOTED}(?: (\\d+(?:\\.\\d+)?))?$`,
);
const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

/** The combined log format of Apache and nginx, with the response time behind it if there is one. */
export default defineRowFormat(accessLog, {
  name: "combined",
  summary:
    "combined log format of web servers, with or without a response time in seconds at the end",
  matches: (line) => LINE.test(line),
  parse(line) {
    const found = LINE.exec(line);
    if (found === null) return new RowFault("", "a line of the combined log format");
    const [, client, day, month, year, time, hours, minutes, request, status, bytes] = found;
    const [, , , , , , , , , , , referer, agent, seconds] = found;
    const at = MONTHS.indexOf(month);
    if (at % 3 !== 0) return new RowFault("at", "a month from Jan to Dec");
    const date = `${year}-${String(at / 3 + 1).padStart(2, "0")}-${day}`;
    return eventOf({
      at: `${date}T${time}${hours}:${minutes}`,
      client,
      request,
      status,
      bytes,
      referer,
      agent,
      seconds,
    });
  },
});
