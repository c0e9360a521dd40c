"""A number in a line counts as its moment only where the line's own stamp agrees."""

import datetime as dt
import os
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import pveforensics
from pveforensics.dating.hints import agrees, believed
from pveforensics.readings import LogScan, Stamp, TimeHint

EPOCH = dt.datetime.fromisoformat("1970-01-01")
MOMENTS = st.datetimes(EPOCH.replace(year=2001), EPOCH.replace(year=2099))


def us(text):
    return (dt.datetime.fromisoformat(text) - EPOCH) // dt.timedelta(microseconds=1)


def yearless(text):
    moment = dt.datetime.fromisoformat(text)
    return Stamp(f"{moment:%b %d %H:%M:%S}", month=moment.month, day=moment.day, second_of_day=moment.hour * 3600 + moment.minute * 60)


def hint(stamp, moment, what="corosync", *, exact=True):
    return TimeHint(1, what, stamp, us(moment), exact=exact)


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        (yearless("2026-11-22T09:01"), "2020-11-22T09:01"),
        (yearless("2026-11-22T23:01"), "2020-11-22T09:01"),  # 14 hours east of UTC
        (yearless("2026-01-01T04:00"), "2025-12-31T16:00"),
        (yearless("2024-12-31T20:00"), "2026-01-01T06:00"),
        (yearless("2024-02-29T12:00"), "2028-02-29T11:00"),
        (yearless("2024-02-29T23:59"), "2024-03-01T05:00"),
        (Stamp("2026-11-22T09:01:02Z", epoch_us=us("2026-11-22T09:01:02")), "2026-11-22T09:01:02"),
        (Stamp("2026-11-22 09:01:02", year=2026, month=11, day=22, second_of_day=32_462), "2026-11-22T07:01:02"),
    ],
)
def test_a_moment_of_the_line_s_own_day_counts(stamp, moment):
    assert agrees(hint(stamp, moment)) is True


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        (yearless("2026-11-22T09:01"), "2020-11-24T09:01"),
        (yearless("2026-11-22T09:01"), "2072-05-04T09:01"),
        (yearless("2024-02-29T12:00"), "2027-02-28T12:00"),  # a year without that day
        (yearless("2026-01-01T00:00"), "2025-12-30T00:00"),
        (Stamp("2026-11-22T09:01:02Z", epoch_us=us("2026-11-22T09:01:02")), "2020-11-22T09:01:02"),
        (Stamp("2026-11-22 09:01:02", year=2026, month=11, day=22, second_of_day=32_462), "2025-11-22T07:01:02"),
    ],
)
def test_a_moment_of_another_day_contradicts(stamp, moment):
    assert agrees(hint(stamp, moment)) is False


def test_what_only_began_before_its_line_may_be_weeks_older_but_never_younger():
    ended = yearless("2026-11-22T09:01")
    assert agrees(hint(ended, "2024-10-22T09:01", "upid", exact=False)) is True
    assert agrees(hint(ended, "2024-07-22T09:01", "upid", exact=False)) is False
    assert agrees(hint(ended, "2024-12-22T09:01", "upid", exact=False)) is False


def test_without_a_stamp_that_could_tell_nothing_is_said():
    assert agrees(hint(None, "2072-05-04T09:01")) is None
    assert agrees(hint(Stamp("[ 12.5]", uptime_us=12_500_000), "2072-05-04T09:01")) is None
    assert agrees(hint(yearless("2026-11-22T09:01"), "2024-08-01T09:00", "kernel-build", exact=False)) is None
    assert agrees(TimeHint(1, "date", local="2024-08-01 09:00:00")) is None


@given(MOMENTS, st.integers(-12 * 60, 14 * 60))
def test_any_moment_agrees_with_its_stamp_in_any_zone(moment, minutes_east):
    local = (moment + dt.timedelta(minutes=minutes_east)).replace(second=0, microsecond=0)
    assert agrees(hint(yearless(local.isoformat()), moment.isoformat())) is True


@given(MOMENTS, st.integers(2, 363))
def test_no_moment_agrees_with_a_stamp_of_another_day(moment, days):
    local = moment.replace(second=0, microsecond=0)
    other = local + dt.timedelta(days=days)
    assume(other.year < 2100)
    assert agrees(hint(yearless(local.isoformat()), other.isoformat())) is False


def scan(*hints):
    return LogScan("alpha/syslog", "bsd", "syslog", 1, "", None, 9, 9, (), (), {"alpha": 9}, frozenset(), True, hints)


def test_numbers_that_mostly_contradict_are_no_moments_and_none_of_them_is_believed():
    fits, random_one = hint(yearless("2026-11-22T09:01"), "2072-11-22T09:01"), hint(yearless("2026-11-22T10:01"), "2050-01-01T00:00")
    other = hint(yearless("2026-11-22T09:01"), "2026-11-22T09:01", "upid")
    kept = believed([scan(fits, random_one, random_one, other)])[0].hints
    assert [each.epoch_us for each in kept] == [None, None, None, other.epoch_us]
    assert [each.stamp for each in kept] == [fits.stamp, random_one.stamp, random_one.stamp, other.stamp]


def test_one_contradiction_among_many_moments_is_left_out_alone():
    fits, odd = hint(yearless("2026-11-22T09:01"), "2026-11-22T09:01"), hint(yearless("2026-11-22T10:01"), "2050-01-01T00:00")
    assert [each.epoch_us for each in believed([scan(fits, fits, odd)])[0].hints] == [fits.epoch_us, fits.epoch_us, None]
    sound = [scan(fits, fits)]
    assert believed(sound)[0] is sound[0]


def paused(folder, number_at):
    """A log without years whose corosync was paused once in a while; `number_at` gives what stands behind the @."""
    at, lines = dt.datetime(2026, 3, 1, tzinfo=dt.UTC), []
    for _ in range(300):
        at += dt.timedelta(hours=2)
        number = number_at(at)
        lines.append(
            f"{at:%b} {at.day:2} {at:%H:%M:%S} alpha corosync[1532]:   [MAIN  ] Corosync main process was not scheduled (@{number}) for"
            " 3400.5542 ms (threshold is 2920.0000 ms). Consider token timeout increase.\n"
        )
    log = folder / "alpha" / "syslog"
    log.parent.mkdir()
    log.write_text("".join(lines))
    os.utime(log, (0, 0))  # no file time that could tell the year
    return folder


def test_the_moments_of_pauses_date_a_log_without_years(tmp_path):
    case = pveforensics.analyze(paused(tmp_path, lambda at: round(at.timestamp() * 1000)))
    (node,) = case.nodes
    assert node.year_basis.startswith("corosync in line ")
    assert {event.at.iso()[:4] for event in case.events} == {"2026"}


def test_random_numbers_there_move_no_log(tmp_path):
    draw = random.Random(5)
    case = pveforensics.analyze(paused(tmp_path, lambda _: draw.randrange(10**12, 10**13)))
    assert {event.at for event in case.events} == {None}
    assert any("--year" in note for note in case.notes)
