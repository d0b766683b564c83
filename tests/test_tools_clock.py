"""The tool that knows the date and the time, in any zone."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync

from conversations.tools import Asker, ToolError
from conversations.tools.clock import Clock

NOW = datetime(2026, 3, 1, 23, 30, 15, tzinfo=UTC)


def ask(own="UTC", **arguments):
    clock = Clock(lambda: NOW)
    return async_to_sync(clock.call)("date_and_time", arguments, Asker(uuid4(), own))


def test_it_tells_the_askers_time():
    assert ask("Europe/Berlin") == (
        "Monday, 2026-03-02, 00:30:15 UTC+01:00 (Europe/Berlin, CET); ISO week 2026-W10, day 61 of the year"
    )


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Asia/Kathmandu", "Monday, 2026-03-02, 05:15:15 UTC+05:45"),
        ("America/St_Johns", "Sunday, 2026-03-01, 20:00:15 UTC-03:30"),
        ("UTC", "Sunday, 2026-03-01, 23:30:15 UTC+00:00"),
    ],
)
def test_it_tells_another_zones_time(zone, said):
    assert ask("Europe/Berlin", zone=zone).startswith(said)


@pytest.mark.parametrize("zone", ["", "Nowhere", "../etc"])
def test_an_asker_without_a_zone_gets_universal_time(zone):
    assert "UTC+00:00" in ask(zone)


@pytest.mark.parametrize(
    "zone", ["", "Mars/Base", "America", "../etc/passwd", "/etc/passwd", "a\0b"]
)
def test_a_zone_that_is_none_is_refused(zone):
    with pytest.raises(ToolError, match="no time zone"):
        ask(zone=zone)


@pytest.mark.parametrize(
    ("start", "shift", "said"),
    [
        ("2024-02-29", {"years": 1}, "Friday, 2025-02-28;"),
        ("2026-01-31", {"months": 1}, "Saturday, 2026-02-28;"),
        ("2026-01-31", {"months": -2}, "Sunday, 2025-11-30;"),
        ("2026-12-30", {"weeks": 1, "days": -1}, "Tuesday, 2027-01-05;"),
        ("2026-03-01", {"hours": 36}, "Monday, 2026-03-02, 12:00:00"),
        ("2021-01-01", {}, "Friday, 2021-01-01; ISO week 2020-W53, day 1 of the year"),
    ],
)
def test_a_day_is_shifted_by_the_calendar(start, shift, said):
    assert ask(start=start, shift=shift).startswith(said)


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        ({"days": 1}, "Sunday, 2026-03-29, 12:00:00 UTC+02:00"),
        ({"hours": 24}, "Sunday, 2026-03-29, 13:00:00 UTC+02:00"),
    ],
)
def test_a_day_on_the_wall_is_not_always_24_hours(shift, said):
    assert ask("Europe/Berlin", start="2026-03-28T12:00", shift=shift).startswith(said)


def test_a_time_that_the_clocks_skip_is_the_one_they_show():
    assert "03:30:00 UTC+02:00" in ask("Europe/Berlin", start="2026-03-29T02:30")


def test_a_moment_with_an_offset_is_told_in_the_zone():
    assert "20:00:00 UTC+09:00" in ask("Asia/Tokyo", start="2026-03-01T11:00Z")


def test_it_says_how_far_it_is_to_a_day():
    said = ask(start="2026-11-21", until="2026-12-24")
    assert said.endswith(
        "From 2026-11-21 to 2026-12-24: 33 days (4 weeks and 5 days); 0 years, 1 month, 3 days"
    )
    assert "-33 days" in ask(start="2026-12-24", until="2026-11-21")
    assert "From 2026-03-01 to 2026-03-02: 1 day" in ask(until="2026-03-02")


def test_it_says_how_far_it_is_to_a_moment_in_real_time():
    said = ask("Europe/Berlin", start="2026-03-28T12:00", until="2026-03-29T12:00:30")
    assert said.endswith("0 d 23 h 0 min 30 s (23 h 0 min in all)")
    assert "0 d 1 h 0 min 0 s ago" in ask(start="2026-03-28T12:00", until="2026-03-28T11:00")


@pytest.mark.parametrize("text", ["tomorrow", "2026-02-30", "2026-01-01T25:00", "", "31.12.2026"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ToolError, match="no date"):
        ask(start=text)


@pytest.mark.parametrize(
    "arguments",
    [
        {"shift": {"years": 1_000_000}},
        {"shift": {"years": -3000}},
        {"shift": {"days": -1_000_000}},
        {"start": "0001-01-01", "shift": {"hours": -1}},
        {"start": "9999-12-31", "shift": {"days": 1}},
        {"start": "0001-01-01", "zone": "Asia/Tokyo"},
    ],
)
def test_what_lies_beyond_the_calendar_is_refused(arguments):
    with pytest.raises(ToolError, match="years 1 to 9999"):
        ask(**arguments)
