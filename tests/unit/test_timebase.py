"""Zones, offsets and local times: what the clock on the wall means in UTC."""

import datetime as dt
import importlib.resources
import zoneinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.timebase import (
    DAY,
    HOUR,
    SECOND,
    Instant,
    load_zone,
    local_us,
    offsets_at,
    parse_local,
    parse_moment,
    parse_offset,
    zone_of_abbreviation,
    zone_of_bytes,
)

QUARTER = 900 * SECOND
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "hours"),
    [("+0100", 1), ("+01:00", 1), ("-06:00", -6), ("Z", 0), ("UTC", 0), ("CEST", 2), ("(CET)", 1), ("JST", 9), ("+05:30", 5.5), ("+02", 2)],
)
def test_offsets_and_unambiguous_abbreviations(text, hours):
    assert parse_offset(text) == hours * HOUR


@pytest.mark.parametrize("text", ["CST", "IST", "BST", "+1", "", "Europe/Berlin", "+99:00", "١٢"])
def test_an_ambiguous_or_foreign_offset_stays_unknown(text):
    assert parse_offset(text) is None


def test_abbreviation_names_its_rule():
    assert zone_of_abbreviation("CEST") == "CET"
    assert zone_of_abbreviation("CST") is None
    assert load_zone(zone_of_abbreviation("EDT")) is not None


def test_local_time_of_text():
    assert parse_local("1970-01-02 00:00:01") == DAY + SECOND
    assert parse_local("1970-01-01T00:00:00.25 CET") == 250_000
    assert parse_local("1970-01-01 00:01") == 60 * SECOND
    assert parse_local("2026-02-29 00:00:00") is None
    assert parse_local("2026-02-28 24:00:00") is None


def test_leap_second_is_the_next_second():
    assert local_us(2016, 12, 31, 86_400) == local_us(2017, 1, 1)
    assert parse_local("2016-12-31 23:59:60") == local_us(2017, 1, 1)


def test_offsets_of_summer_winter_and_both_changes():
    summer, winter = local_us(2026, 7, 1), local_us(2026, 1, 1)
    assert offsets_at(BERLIN, summer // QUARTER) == (2 * HOUR, 2 * HOUR)
    assert offsets_at(BERLIN, winter // QUARTER) == (HOUR, HOUR)
    assert offsets_at(BERLIN, local_us(2026, 10, 25, 9000) // QUARTER) == (2 * HOUR, HOUR)
    assert offsets_at(BERLIN, local_us(2026, 3, 29, 9000) // QUARTER) == (HOUR, 2 * HOUR)


def test_zone_from_a_copied_localtime_file():
    data = importlib.resources.files("tzdata.zoneinfo.Europe").joinpath("Berlin").read_bytes()
    zone = zone_of_bytes(data)
    assert zone is not None
    assert dt.datetime(2026, 7, 1, tzinfo=zone).utcoffset() == dt.timedelta(hours=2)
    assert zone_of_bytes(data[:60]) is None
    assert zone_of_bytes(b"Europe/Berlin\n") is None


@pytest.mark.parametrize("name", ["", "../etc/passwd", "/etc/localtime", "No/Such", "Europe/Berlin\0", "a" * 5000, "Europe"])
def test_a_name_that_is_no_zone(name):
    assert load_zone(name) is None


@given(st.integers(-62 * 10**15, 253 * 10**15))
def test_a_moment_as_text_is_the_moment_down_to_its_millisecond(us):
    text = Instant(us).iso()
    assert text == (Instant(us).as_datetime().replace(tzinfo=None)).isoformat("T", "milliseconds") + "Z"
    assert len(text) == len("2026-11-22T08:00:00.000Z")
    assert Instant.of(dt.datetime.fromisoformat(text)) == Instant(us // 1000 * 1000)


def test_moments_need_an_offset():
    assert parse_moment("2026-11-22T09:00:00+01:00") == Instant(parse_local("2026-11-22 08:00:00"))
    assert parse_moment("2026-11-22 08:00:00Z").iso() == "2026-11-22T08:00:00.000Z"
    with pytest.raises(ValueError, match="offset"):
        parse_moment("2026-11-22T09:00:00")


@given(st.text(max_size=40), st.binary(max_size=80))
@settings(max_examples=200)
def test_nothing_that_is_read_raises(text, data):
    parse_offset(text)
    parse_local(text)
    load_zone(text)
    zone_of_abbreviation(text)
    zone_of_bytes(b"TZif" + data)


@given(st.integers(-(1 << 50), 1 << 50))
@settings(max_examples=100)
def test_offsets_are_known_for_any_number(quarter):
    first, second = offsets_at(BERLIN, quarter)
    assert abs(first) <= 14 * HOUR
    assert abs(second) <= 14 * HOUR
