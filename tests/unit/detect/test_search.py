"""What is searched by bisection, by value or not at all is what looking at everything finds."""

import math
import re
from unittest import mock

from facts import at, event, facts, span
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pveforensics.detect import clauses, index
from pveforensics.detect.clauses import AbsenceClause, AllClause, AnyClause, Between, Edge, EventClause, StateClause, ThresholdClause
from pveforensics.detect.evaluate import _ordered, evaluate, fires
from pveforensics.detect.ground import Fired
from pveforensics.detect.index import FactIndex, Lane, Match
from pveforensics.detect.inquiry import Inquiry
from pveforensics.detect.text import Scene
from pveforensics.detect.where import Answer, passes
from pveforensics.detect.windows import EVERYTHING, resolve

SECONDS = st.integers(0, 120)
NODES = ("alpha", "beta")


def moment(second, error_s):
    return None if second is None else at(second, error_s)


MATCHES = st.lists(
    st.builds(
        lambda node, start, length, error_s, dev: Match(
            node,
            moment(start, error_s),
            moment(None if length is None else (start or 0) + length, error_s),
            {} if dev is None else {"dev": dev},
        ),
        st.sampled_from(NODES),
        st.one_of(st.none(), st.integers(0, 3), SECONDS),
        st.one_of(st.none(), st.just(0), SECONDS),
        st.sampled_from([0.0, 0.5, 4.0, 100.0]),
        st.sampled_from([None, "", "sda", "sdb", "unknown"]),
    ),
    max_size=40,
)
EDGES = st.builds(Edge, st.just("x"), st.sampled_from(["start", "end"]), st.sampled_from([-40.0, -5.0, 0.0, 0.5, 5.0, 60.0]))
WINDOWS = st.one_of(st.none(), st.builds(Between, EDGES, EDGES))
WHERES = st.one_of(
    st.just(()),
    st.lists(
        st.builds(
            lambda op, values: ("dev", clauses.Test(op, values)), st.sampled_from(["in", "not"]), st.sampled_from([("sda",), ("", "sdb"), ("unknown",)])
        ),
        max_size=2,
    ).map(tuple),
)  # fmt: skip


def when(match):
    return match.start.us if match.start else -math.inf


def looked_at_all(lanes, window, passing, *, backwards, limit):
    """As the words of a clause say it: of each lane those in the window that pass, of all of them the first or the last."""
    rows = []
    for every, moments in lanes:
        dated = sorted((match for match in every if not (moments and match.start is None)), key=when)
        undated = [match for match in every if moments and match.start is None]
        placed = [] if window.undated else [match for match in (reversed(dated) if backwards else dated) if window.holds(match)]
        rows += [match for match in (placed if window.bounded else [*placed, *undated]) if passing(match)][:limit]
    return tuple(sorted(rows, key=when, reverse=backwards)[:limit])


@settings(max_examples=500)
@given(
    st.lists(st.tuples(MATCHES, st.booleans()), max_size=3), MATCHES, WINDOWS, WHERES, st.booleans(), st.booleans(), st.sampled_from([2, 50]),
    st.sampled_from([0, 2, 64]),
)  # fmt: skip
def test_matches_are_those_of_every_match(lanes, primaries, between, where, backwards, doubtful, limit, few):
    window = resolve(between, {"x": primaries[0]}) if primaries else EVERYTHING
    assume(window.low.us <= window.high.us)

    def passing(match):
        return passes(where, match.fields, doubtful=doubtful) is not Answer.NO

    made = [Lane(every, moments=moments) for every, moments in lanes]
    with mock.patch.object(index, "_FEW", few):
        found = _ordered(made, window, where, passing, "last" if backwards else "first", limit)
    expected = looked_at_all(lanes, window, passing, backwards=backwards, limit=limit)
    assert [id(match) for match in found] == [id(match) for match in expected]


KINDS = ("knet_link_down", "corosync_quorum_lost")
FACTS = st.lists(
    st.one_of(
        st.builds(lambda kind, node, second, dev: event(kind, node, second, dev=dev), st.sampled_from(KINDS), st.sampled_from(NODES),
                  st.one_of(st.none(), SECONDS), st.sampled_from(["sda", "sdb"])),
        st.builds(lambda node, start, length: span(f"node:{node}", "inquorate", start, start + length, dev="sda"), st.sampled_from(NODES),
                  SECONDS, SECONDS),
    ),
    max_size=12,
)  # fmt: skip
ONS = st.sampled_from(["", "same", "other", "any"])
WINDOWED = st.one_of(st.none(), st.builds(Between, EDGES, EDGES))
EVENTS = st.builds(EventClause, st.sampled_from([KINDS, KINDS[:1]]), WHERES, ONS, WINDOWED, st.sampled_from([1, 2]))
STATES = st.builds(StateClause, st.just(("node.inquorate",)), WHERES, ONS, WINDOWED, st.sampled_from([None, 20.0]))
THRESHOLDS = st.builds(ThresholdClause, EVENTS, st.sampled_from([2, 3]), st.sampled_from([10.0, 60.0]), st.sampled_from(["", "dev"]))
ABSENCES = st.builds(AbsenceClause, st.one_of(EVENTS, STATES), st.booleans())
CLAUSES = st.recursive(
    st.one_of(EVENTS, STATES, THRESHOLDS, ABSENCES),
    lambda inner: st.one_of(*(st.lists(inner, min_size=1, max_size=3).map(lambda parts, kind=kind: kind(tuple(parts))) for kind in (AllClause, AnyClause))),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=500)
@given(FACTS, CLAUSES)
def test_a_clause_holds_whether_or_not_one_asks_why_it_does_not(things, clause):
    inquiry = Inquiry(FactIndex(facts(*things, nodes=NODES)), ())
    for primary in (Match("alpha", at(50), at(60)), Match("beta", None, None), Match("alpha", at(100_000), at(100_000))):
        ground = inquiry.ground(primary.node, {"x": primary})
        assert fires(clause, ground) == isinstance(evaluate(clause, ground), Fired)


# --- sentences -------------------------------------------------------------------------------

PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)(?:\.(start|end|at|duration|node|count|state|fields\.[A-Za-z0-9_]+))?\}")


def substituted(scene, template):
    """A sentence by substitution alone: parts in brackets first, then what is left."""

    def known(text):
        return all(scene._value(found[1], found[2] or "")[1] for found in PLACEHOLDER.finditer(text))

    kept = re.sub(r"\[\[(.*?)\]\]", lambda found: found[1] if known(found[1]) else "", template, flags=re.DOTALL)
    text = PLACEHOLDER.sub(lambda found: scene._value(found[1], found[2] or "")[0], kept)
    return re.sub(r"(?<=\S) {2,}(?=\S)", " ", text).strip(), known(template)


PIECES = st.lists(
    st.sampled_from(
        ["a", " ", "  ", "\n", "[[", "]]", "{node}", "{times}", "{x.start}", "{x.end}", "{x.duration}", "{x.fields.dev}", "{x.fields.none}", "{y.node}", "{x.count}"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=500)
@given(PIECES, st.booleans(), st.sampled_from(["sda", "a  b", "[[x]]", "{node}"]))
def test_a_sentence_is_what_substitution_makes_of_its_template(template, dated, dev):
    scene = Scene({"x": Match("alpha", at(5), None, {"dev": dev})}, {"node": "alpha", "nodes": ""}, dated=dated)
    text, known = substituted(scene, template)
    assert scene.render(template) == text
    assert scene.value(template) == (text if known else None)
