"""Clauses in words, as the pages of the rules and the answers to why say them."""

import pytest

from pveforensics import yamlfile
from pveforensics.detect.fields import Place
from pveforensics.detect.reader import clause
from pveforensics.detect.wording import clause_words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{event: lost}", "`lost`"),
        ("{event: [lost, gone], on: other, count: 2}", "`lost` or `gone` at least 2 times on another node"),
        (
            "{event: lost, between: [x.start - 3m, x.end + 90s]}",
            "`lost`, between 3 min before the start of *x* and 90 s after the end of *x*",
        ),
        ("{event: lost, between: [x.at, x.at]}", "`lost`, at *x*"),
        (
            "{state: node.inquorate, where: {opened_by: {not: start}}, min: 60s}",
            "the state `node.inquorate` whose `opened_by` is not `start` for at least 1 min",
        ),
        ("{absence: {event: lost}, coverage: required}", "nothing of: `lost` (and the log covers that time)"),
        ("{absence: {event: lost}, coverage: best_effort}", "nothing of: `lost`"),
        ("{setting: totem.token, above: 10000}", "the setting `totem.token` is above `10000`"),
        ("{setting: totem.token, missing: true}", "the setting `totem.token` is missing"),
        ("{setting: totem.token, differs_between_nodes: true}", "the setting `totem.token` differs between the nodes"),
        ("{threshold: {event: flap}, count: 5, within: 10m}", "`flap`, at least 5 times within 10 min"),
        ("{threshold: {event: flap}, count: 2, within: 1h, distinct: link}", "`flap`, at least 2 values of `link` within 1 h"),
        (
            "{verdict: boot-end, is: watchdog, at_least: 0.5}",
            "the question `boot-end` is answered with `watchdog` with a confidence of 0.5 or more",
        ),
        (
            "{event: lost, where: {who: '{node}', pid: '{x.fields.pid}', why: ''}}",
            "`lost` whose `who` is the same node and `pid` is the `pid` of *x* and `why` is empty",
        ),
        ("{all: [{event: a}, {event: b}]}", "all of: `a`; `b`"),
    ],
)
def test_words(written, words):
    assert clause_words(clause(yamlfile.loads(written), Place("x.yaml", 1, names=("x",)))) == words
