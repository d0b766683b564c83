"""The date and time: now or then, here or in another zone, and how far apart two of them are."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conversations.tools.base import Asker, Spec, ToolError

MOST = 1_000_000
MOMENT = "a date (2026-03-01) or a date and time (2026-03-01T14:30, with or without an offset)"


def _number(what: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": -MOST, "maximum": MOST, "description": what}


UNITS = ("years", "months", "weeks", "days", "hours", "minutes")
SPEC = Spec(
    name="date_and_time",
    description=(
        "Tells the current date and time, weekday, ISO week and UTC offset in a time zone. It can "
        "start from another moment, add or subtract years to minutes, and say how far it is to "
        "another moment. All arguments are optional."
    ),
    parameters={
        "type": "object",
        "properties": {
            "zone": {
                "type": "string",
                "maxLength": 100,
                "description": "An IANA name such as Europe/Berlin; the person’s own zone if left out.",
            },
            "start": {
                "type": "string",
                "maxLength": 40,
                "description": f"Where to start, {MOMENT}; now if left out.",
            },
            "shift": {
                "type": "object",
                "properties": {
                    unit: _number(f"{unit} to add; below 0 to go back") for unit in UNITS
                },
                "additionalProperties": False,
                "description": "What to add to the start.",
            },
            "until": {
                "type": "string",
                "maxLength": 40,
                "description": f"Tell how far it is from there to this moment, {MOMENT}.",
            },
        },
        "additionalProperties": False,
    },
)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """The tool `date_and_time`."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now

    async def specs(self) -> Sequence[Spec]:
        return [SPEC]

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> str:
        zone = zone_of(arguments["zone"]) if "zone" in arguments else own_zone(asker)
        try:
            return self._tell(arguments, zone)
        except (OverflowError, ValueError):
            raise ToolError("That is beyond the years 1 to 9999.") from None

    def _tell(self, arguments: Mapping[str, Any], zone: ZoneInfo) -> str:
        start, whole_day = self._now().astimezone(zone), False
        if "start" in arguments:
            start, whole_day = moment(arguments["start"], zone)
        shift = arguments.get("shift", {})
        there = shifted(start, shift)
        whole_day = whole_day and not (shift.get("hours") or shift.get("minutes"))
        lines = [described(there, whole_day)]
        if "until" in arguments:
            until, until_whole = moment(arguments["until"], zone)
            lines.append(apart(there, until, whole_day or until_whole))
        return "\n".join(lines)


def zone_of(name: str) -> ZoneInfo:
    """The zone of this IANA name. Raises `ToolError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolError(f"There is no time zone “{name}”; use a name like Europe/Paris.") from None


def own_zone(asker: Asker) -> ZoneInfo:
    """The asker's zone; UTC if that isn't known."""
    try:
        return zone_of(asker.zone)
    except ToolError:
        return ZoneInfo("UTC")


def moment(text: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """A moment in `zone`, and whether it is a date only, which begins at midnight there.

    Raises `ToolError`.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone), True
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(text)
        there = read.astimezone(zone) if read.tzinfo else _real(read.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise ToolError(f"“{text}” is no date that can be read: write {MOMENT}.") from None
    return there, False


def shifted(start: datetime, shift: Mapping[str, int]) -> datetime:
    """Move by the calendar first, where a day is a day on the wall, then by real hours and minutes.

    The 31st moved to a shorter month is that month's last day. Raises `OverflowError`, `ValueError`.
    """
    months = start.month - 1 + 12 * shift.get("years", 0) + shift.get("months", 0)
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    days = timedelta(weeks=shift.get("weeks", 0), days=shift.get("days", 0))
    there = start.replace(year=year, month=month, day=day) + days
    real = timedelta(hours=shift.get("hours", 0), minutes=shift.get("minutes", 0))
    return _real(there) if not real else _later(there, real)


def _later(start: datetime, by: timedelta) -> datetime:
    return (start.astimezone(UTC) + by).astimezone(start.tzinfo)


def _real(there: datetime) -> datetime:
    """A time that the clocks skip is the one they show then."""
    return _later(there, timedelta())


def described(there: datetime, whole_day: bool) -> str:
    """One line: weekday, date, time and zone, ISO week and day of the year."""
    week = there.isocalendar()
    when = f"{calendar.day_name[there.weekday()]}, {there.date().isoformat()}"
    if not whole_day:
        when += f", {there:%H:%M:%S} {_offset(there)} ({there.tzinfo}, {there.tzname()})"
    return f"{when}; ISO week {week.year}-W{week.week:02d}, day {there.timetuple().tm_yday} of the year"


def _offset(there: datetime) -> str:
    sign = f"{there:%z}"
    return f"UTC{sign[:3]}:{sign[3:5]}"


def apart(start: datetime, until: datetime, whole_days: bool) -> str:
    """One line that says how far it is from `start` to `until`, by date only or to the second."""
    if whole_days:
        days = (until.date() - start.date()).days
        return f"From {start.date()} to {until.date()}: {_days(days)}; {_by_calendar(start, until)}"
    gone = until - start.astimezone(UTC)
    minutes, seconds = divmod(int(abs(gone.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, rest = divmod(hours, 24)
    ago = " ago" if gone < timedelta() else ""
    clock = f"{rest} h {minutes} min {seconds} s{ago}"
    return (
        f"To {until:%H:%M:%S} on {until.date()}: {days} d {clock} ({hours} h {minutes} min in all)"
    )


def _days(days: int) -> str:
    weeks, rest = divmod(abs(days), 7)
    return f"{days} {_word('day', days)} ({weeks} {_word('week', weeks)} and {rest} {_word('day', rest)})"


def _by_calendar(start: datetime, until: datetime) -> str:
    """Years, months and days between two dates, whichever is earlier."""
    first, last = sorted((start.date(), until.date()))
    months = (last.year - first.year) * 12 + last.month - first.month
    if _months_on(first, months) > last:
        months -= 1
    days = (last - _months_on(first, months)).days
    years, months = divmod(months, 12)
    counts = {"year": years, "month": months, "day": days}
    return ", ".join(f"{count} {_word(unit, count)}" for unit, count in counts.items())


def _months_on(first: date, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return first.replace(
        year=year, month=month + 1, day=min(first.day, calendar.monthrange(year, month + 1)[1])
    )


def _word(unit: str, count: int) -> str:
    return unit if abs(count) == 1 else f"{unit}s"
