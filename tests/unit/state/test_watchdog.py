import pytest
from lives import spans, story, with_boots

from pveforensics.state.trackers import watchdog


def closes(*log):
    found = watchdog.track(with_boots(story({"alpha": [(0, "line"), *log]})))
    return [(start, end, fields["outcome"]) for start, end, fields in spans(found, "node:alpha", "watchdog_expiring")]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([(50, "about"), (54, "averted"), (300, "line")], (50, 54, "averted")),
        ([(50, "about"), (60, "expired"), (61, "left")], (50, 60, "expired")),
        ([(60, "expired"), (62, "not_stopped")], (60, 60, "expired")),
        ([(60, "died")], (60, 60, "expired")),
        ([(50, "about")], (50, None, "unknown")),
        ([(50, "about"), (300, "line")], (50, None, "averted")),
    ],
)
def test_outcome(log, expected):
    assert closes(*log) == [expected]


def test_the_kernels_word_alone_is_no_expiry():
    assert closes((50, "mux_term"), (50, "mux_exit"), (52, "not_stopped")) == []


def test_each_approach_is_told_by_itself():
    found = closes((50, "about"), (54, "averted"), (150, "about"), (152, "averted"), (300, "line"))
    assert found == [(50, 54, "averted"), (150, 152, "averted")]


def test_a_warning_before_a_boot_was_not_averted_by_it():
    assert closes((50, "about"), (130, "kernel"), (400, "line")) == [(50, None, "unknown")]
