"""
Writes tests/golden/time_zones.json: where buckets of local time begin around every transition of
ten time zones from 1970 to 2040, by Python's zoneinfo alone. tests/golden/time_zones.test.ts compares
both layers with it.

Each zone has rows of [instant, hour, day, week, month]: an instant and the starts of its buckets, all
in seconds since 1970 UTC; the starts are written as the distance from the instant. Before 1970 UTC
there is no time: a bucket that would begin earlier begins with it.

    python3 tools/write_time_zone_cases.py > tests/golden/time_zones.json
"""

import json
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = [
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
]
END = int(datetime(2040, 1, 1, tzinfo=timezone.utc).timestamp())
HOUR = 3600
DAY = 86400


class Zone:
    def __init__(self, name):
        self.zone = ZoneInfo(name)

    def local(self, seconds):
        return datetime.fromtimestamp(seconds, self.zone)

    def offset(self, seconds):
        return int(self.local(seconds).utcoffset().total_seconds())

    def first(self, low, high, holds):
        """The first second in (low, high] for which `holds` is true, as it is for all after."""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle) else (middle, high)
        return high

    def transitions(self):
        """All seconds from which on the offset is another one than before."""
        for low in range(0, END, 6 * HOUR):
            before = self.offset(low)
            if self.offset(low + 6 * HOUR) != before:
                yield self.first(low, low + 6 * HOUR, lambda s: self.offset(s) != before)

    def hour(self, seconds):
        """An hour begins with its local hour, or where the offset has changed since."""
        local, offset = self.local(seconds), self.offset(seconds)
        start = seconds - local.minute * 60 - local.second
        if start < 0:
            return 0
        if self.offset(start) == offset:
            return start
        return self.first(start, seconds, lambda s: self.offset(s) == offset)

    def first_of(self, wanted):
        """The first second of a local date or of a later one."""
        near = int(datetime(wanted.year, wanted.month, wanted.day, tzinfo=timezone.utc).timestamp())
        low = near - DAY
        # Minute by minute: where the clock is put back over midnight, a date is not of one piece.
        for high in range(near - DAY, near + DAY + 60, 60):
            if self.local(high).date() >= wanted:
                return max(0, self.first(low, high, lambda s: self.local(s).date() >= wanted))
            low = high
        raise AssertionError(wanted)

    def day(self, seconds):
        return self.first_of(self.local(seconds).date())

    def week(self, seconds):
        local = self.local(seconds).date()
        return self.first_of(local - timedelta(days=local.weekday()))

    def month(self, seconds):
        local = self.local(seconds).date()
        return self.first_of(date(local.year, local.month, 1))

    def case(self, seconds):
        starts = (of(seconds) for of in (self.hour, self.day, self.week, self.month))
        return [seconds, *(seconds - start for start in starts)]


def cases(zone):
    instants = {0, 12 * HOUR}
    for at in zone.transitions():
        instants |= {at - 1, at, at + HOUR}
    return [zone.case(seconds) for seconds in sorted(instants) if seconds < END]


def main():
    zones = {name: cases(Zone(name)) for name in ZONES}
    lines = (
        f"{json.dumps(name)}: [\n"
        + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        + "\n]"
        for name, rows in zones.items()
    )
    print("{\n" + ",\n".join(lines) + "\n}")


main()
