"""Times in words: the same on every clock, whichever way is the quicker one to write them."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from pveforensics.report import words

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Africa/Monrovia", "Asia/Kolkata", "No/Such", "/etc/localtime", "")


@given(st.integers(-(2 * 10**15), 8 * 10**15), st.sampled_from(ZONES), st.integers(0, 3))
def test_a_stamp_is_the_wall_clock_of_its_zone_cut_after_its_digits(us, zone, digits):
    moment = EPOCH + datetime.timedelta(microseconds=us)
    known = words.tz(zone)
    moment = moment.astimezone(known) if known else moment
    told = f"{moment:%Y-%m-%d %H:%M:%S}" + (f".{moment.microsecond:06}"[: digits + 1] if digits else "")
    assert words.stamp(us, zone, digits) == told
    assert words.clock(us, zone, digits) == told.partition(" ")[2]


@given(st.integers(-62 * 10**15, 253 * 10**15), st.sampled_from(["Z", "+00:00", "+05:30", "-03:30"]))
def test_the_moment_of_a_text_is_exact_to_the_microsecond(us, offset):
    written = (EPOCH + datetime.timedelta(microseconds=us)).replace(tzinfo=None)
    ahead = datetime.datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").utcoffset()
    assert words.micros(written.isoformat() + offset) == us - ahead // datetime.timedelta(microseconds=1)


def test_a_moment_that_is_not_known_is_called_so():
    assert words.stamp(None) == "unknown"


def test_ranks_follow_the_scale_and_a_word_of_another_version_is_the_least():
    assert [words.rank(word) for word in words.CRITICALITIES] == [0, 1, 2, 3, 4]
    assert words.rank("apocalyptic") == 0
