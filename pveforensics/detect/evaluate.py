"""Three-valued evaluation: a clause on the facts gives Fired with evidence, Clear, or Unknown with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from pveforensics.detect.clauses import (
    AbsenceClause,
    AllClause,
    AnyClause,
    Clause,
    EventClause,
    SettingClause,
    SnapshotClause,
    StateClause,
    ThresholdClause,
    VerdictClause,
)
from pveforensics.detect.ground import CLEAR, Clear, Fired, Ground, Result, Unknown, cited, nodes_meant, uncovered
from pveforensics.detect.index import FactIndex, Lane, Match
from pveforensics.detect.vocabulary import SOURCES, seen_by_peers, shown_by
from pveforensics.detect.where import UNKNOWN, Answer, Resolved, passes, resolve_where
from pveforensics.detect.windows import EVERYTHING, OTHER_NODE_SLACK_US, Unplaced, Window, resolve
from pveforensics.timebase import SECOND


def evaluate(clause: Clause, ground: Ground) -> Result:
    """Whether a clause holds on the ground."""
    match clause:
        case EventClause():
            return _event(clause, ground)
        case StateClause():
            return _state(clause, ground)
        case AbsenceClause():
            return _absence(clause, ground)
        case SettingClause():
            return _setting(clause, ground)
        case SnapshotClause():
            return _snapshot(clause, ground)
        case ThresholdClause():
            return _threshold(clause, ground)
        case VerdictClause():
            return _verdict(clause, ground)
        case AllClause():
            return _all(clause, ground)
        case AnyClause():
            return _any(clause, ground)


def fires(clause: Clause, ground: Ground) -> bool:
    """Whether a clause holds, where nobody asks what that rests on: what settles it is looked at, and no more."""
    match clause:
        case AnyClause():
            return any(fires(part, ground) for part in clause.parts)
        case AllClause():
            return all(fires(part, ground) for part in clause.parts)
        case _:
            return isinstance(evaluate(clause, ground.quiet()), Fired)


# --- events, states and dumps ----------------------------------------------------------------


def _event(clause: EventClause, ground: Ground) -> Result:
    window = resolve(clause.between, ground.bound)
    if isinstance(window, Unplaced):
        return _unplaced(window, ground)
    nodes = nodes_meant(clause.on, ground)
    lanes = [lane for kind in clause.kinds for lane in ground.facts.events(kind, nodes)]
    where = resolve_where(clause.where, ground.scene)
    passing = (lambda match: passes(where, match.fields) is Answer.YES) if where else None
    found = _ordered(lanes, window, where, passing, clause.pick, max(ground.limit, clause.count))
    if found and sum(match.count for match in found) >= clause.count:
        return Fired(found)
    return _not_found(lanes, clause.on, window, ground)


def _snapshot(clause: SnapshotClause, ground: Ground) -> Result:
    window = resolve(clause.between, ground.bound)
    if isinstance(window, Unplaced):
        return _unplaced(window, ground)
    nodes = nodes_meant(clause.on, ground)
    lanes = [lane for kind in clause.kinds for lane in ground.facts.snapshots(kind, nodes)]
    where, rows = resolve_where(clause.where, ground.scene), resolve_where(clause.rows, ground.scene)

    def passing(match: Match) -> bool:
        return passes(where, match.fields) is Answer.YES and (not rows or any(passes(rows, row) is Answer.YES for row in match.rows))

    found = _ordered(lanes, window, where, passing, clause.pick, ground.limit)
    if found:
        return Fired(found)
    if not any(lane.matches or lane.undated for lane in lanes):
        return Unknown(f"the bundle has no output of {' or '.join(clause.kinds)}", ground.node)
    return CLEAR


def _ordered(
    lanes: list[Lane], window: Window, where: Resolved, passing: Callable[[Match], bool] | None, pick: str, limit: int
) -> tuple[Match, ...]:
    """The matches in the window that pass, in the order of choice: the first (or the last) before the others.

    `where` are tests that `passing` asks too: they narrow a whole lane down to those that have one of the values asked for.
    """
    backwards = pick == "last"
    rows: list[Match] = []
    for lane in lanes:
        found = _in_window(lane, window, where, backwards=backwards)
        rows.extend(islice(filter(passing, found) if passing else found, limit))
    if len(rows) > 1:
        rows.sort(key=_when, reverse=backwards)
    return tuple(rows[:limit])


def _in_window(lane: Lane, window: Window, where: Resolved = (), *, backwards: bool = False) -> Iterable[Match]:
    having = next(((name, (*test.values, UNKNOWN)) for name, test in where if test.op == "in"), None)
    if window.bounded:
        found = lane.within(window.low.us, window.high.us, OTHER_NODE_SLACK_US, window.holds, having)
        return reversed(list(found)) if backwards else found
    if window.undated:
        return lane.undated
    matches = lane.matches if having is None else lane.with_value(*having)
    # what has no time fits only where no moment is asked for
    return [*(reversed(matches) if backwards else matches), *lane.undated]


def _when(match: Match) -> float:
    return match.start.us if match.start else float("-inf")


def _not_found(lanes: list[Lane], on: str, window: Window, ground: Ground, *, peers: bool = False) -> Result:
    """Clear if the logs would have shown it, else why it cannot be told."""
    if not ground.why:
        return CLEAR
    if window.bounded and any(lane.undated for lane in lanes):
        return Unknown("a line that may say so carries no time", ground.node)
    if window.undated:
        return Unknown("the moment that it would have to stand near is not known", ground.node)
    return uncovered(on, window, ground, peers=peers) or CLEAR


def _unplaced(window: Unplaced, ground: Ground) -> Result:
    """A window that rests on an optional step inherits that step's result."""
    return ground.missing.get(window.name, CLEAR)


def _state(clause: StateClause, ground: Ground) -> Result:
    window = resolve(clause.between, ground.bound)
    if isinstance(window, Unplaced):
        return _unplaced(window, ground)
    nodes = nodes_meant(clause.on, ground, seen=True)
    where = resolve_where(clause.where, ground.scene)
    lanes = [lane for state in clause.states for lane in ground.facts.states(state, nodes)]
    doubts: list[Unknown] = []

    def passing(match: Match) -> bool:
        answer = state_answer(clause, where, match, ground.facts)
        if isinstance(answer, Unknown):
            doubts.append(answer)
        return isinstance(answer, Fired)

    found = _ordered(lanes, window, where, passing, clause.pick, max(ground.limit, clause.count))
    if found and len(found) >= clause.count:
        return Fired(found)
    if doubts:
        return doubts[0]
    if sources := shown_by(clause.states):
        return CLEAR if any(map(ground.facts.holds, sources)) else Unknown(f"the bundle has no {_named(sources)}", ground.node)
    return _not_found([], clause.on, window, ground, peers=seen_by_peers(clause.states))


def _named(sources: frozenset[str]) -> str:
    return " and no ".join(sorted(SOURCES.get(source, source) for source in sources))


def state_answer(clause: StateClause, where: Resolved, match: Match, index: FactIndex) -> Result:
    """Whether an interval passes a state clause: its fields, then its length."""
    answer = passes(where, match.fields, doubtful=True)
    if answer is Answer.NO:
        return CLEAR
    length = _lasts(clause, match, index)
    if isinstance(length, Clear):
        return CLEAR
    if answer is Answer.MAYBE:
        why = match.fields.get("why", "")
        return Unknown(why or "the log does not tell enough of it", match.node)
    return length


def _lasts(clause: StateClause, match: Match, index: FactIndex) -> Result:
    """A state whose end nobody saw lasts at least as far as the log goes: enough for `min`, never for `max`."""
    if clause.min_s is None and clause.max_s is None:
        return _HOLDS
    start_us = match.start.us if match.start else index.extent.get(match.node, (None, None))[0]
    end_us = (
        match.end.us
        if match.end
        else (index.lasts_until(match, match.start) if match.start else index.extent.get(match.node, (0, None))[1])
    )
    if start_us is None or end_us is None:
        return Unknown("how long it lasted is not known", match.node)
    seconds = (end_us - start_us) / SECOND
    open_edge = match.start is None or match.end is None
    if clause.max_s is not None and seconds > clause.max_s:
        return CLEAR
    if clause.min_s is not None and seconds < clause.min_s:
        return Unknown("the log ends before it can be told how long it lasted", match.node) if open_edge else CLEAR
    if clause.max_s is not None and open_edge:
        return Unknown("the log ends before it can be told how long it lasted", match.node)
    return _HOLDS


_HOLDS = Fired()


# --- absence, thresholds, settings, verdicts -------------------------------------------------


def _absence(clause: AbsenceClause, ground: Ground) -> Result:
    parts = clause.inner.parts if isinstance(clause.inner, AnyClause) else (clause.inner,)
    doubt: Unknown | None = None
    asking = replace(ground, why=not clause.best_effort)  # what cannot be told is no absence
    for part in parts:
        result = evaluate(part, asking)
        if isinstance(result, Fired):
            return CLEAR
        between = getattr(part, "between", None)
        if isinstance(resolve(between, ground.bound), Unplaced):
            return Unknown("there is nothing to measure the silence from", ground.node)
        if isinstance(result, Unknown):
            doubt = doubt or result
    return doubt if doubt and not clause.best_effort else Fired()


def _threshold(clause: ThresholdClause, ground: Ground) -> Result:
    window = resolve(clause.inner.between, ground.bound)
    if isinstance(window, Unplaced):
        return _unplaced(window, ground)
    nodes = nodes_meant(clause.inner.on, ground)
    runs: list[Match] = []
    where = resolve_where(clause.inner.where, ground.scene)
    by_node: dict[str, list[Match]] = {}
    for lane in (lane for kind in clause.inner.kinds for lane in ground.facts.events(kind, nodes)):
        found = _in_window(lane, window, where)
        kept = [match for match in found if match.start is not None and (not where or passes(where, match.fields) is Answer.YES)]
        if kept:
            by_node.setdefault(kept[0].node, []).extend(kept)
    for matches in by_node.values():
        if (len(matches) if clause.distinct else sum(match.count for match in matches)) >= clause.count:
            matches.sort(key=_when)
            runs.extend(Match.of_run(run) for run in _dense(matches, clause))
    if runs:
        return Fired(tuple(sorted(runs, key=_when)))
    return (uncovered(clause.inner.on, window, ground) if ground.why else None) or CLEAR


def _dense(matches: list[Match], clause: ThresholdClause) -> Iterator[tuple[Match, ...]]:
    """Maximal runs in which every match lies in some window that holds enough of them."""
    first, kept_from, kept_to = 0, -1, -1
    inside: Counter[str] = Counter()
    for place, match in enumerate(matches):
        inside[_counted_as(match, clause)] += match.count
        while _when(match) - _when(matches[first]) > clause.within_s * SECOND:
            inside[_counted_as(matches[first], clause)] -= matches[first].count
            first += 1
        amount = sum(1 for word, times in inside.items() if word and times > 0) if clause.distinct else inside[""]
        if amount < clause.count:
            continue
        if kept_to >= 0 and first > kept_to:
            yield tuple(matches[kept_from : kept_to + 1])
            kept_to = -1
        kept_from, kept_to = (kept_from if kept_to >= 0 else first), place
    if kept_to >= 0:
        yield tuple(matches[kept_from : kept_to + 1])


def _counted_as(match: Match, clause: ThresholdClause) -> str:
    return match.fields.get(clause.distinct, "") if clause.distinct else ""


def _setting(clause: SettingClause, ground: Ground) -> Result:
    lanes = ground.facts.settings(clause.key)
    nodes = nodes_meant(clause.on, ground)
    matches = [match for node, lane in lanes.items() if nodes is None or node in nodes for match in lane.matches]
    if clause.missing:
        return _missing(clause, ground, frozenset(lanes))
    if not matches:
        return Unknown(f"the bundle has no configuration that would state {clause.key}", ground.node)
    if clause.differs:
        every = [match for lane in lanes.values() for match in lane.matches]
        if len({match.fields["state"] for match in every}) > 1:
            return Fired(tuple(every))
        bare = [node for node in ground.facts.nodes if node not in lanes]
        return Unknown(f"the bundle has no configuration of {bare[0]}", bare[0]) if bare else CLEAR
    where = resolve_where((("state", clause.test),) if clause.test else (), ground.scene)
    found = tuple(match for match in matches if passes(where, match.fields) is Answer.YES)
    return Fired(found) if found else CLEAR


def _missing(clause: SettingClause, ground: Ground, stated: frozenset[str]) -> Result:
    """Fired on nodes whose configuration has the section but not the key."""
    configured = ground.facts.configured(clause.key.partition(".")[0])
    nodes = nodes_meant(clause.on, ground)
    bare = sorted(node for node in configured - stated if nodes is None or node in nodes)
    if bare:
        return Fired(tuple(Match(node, None, None, {"state": ""}, what=clause.key) for node in bare))
    if not configured:
        return Unknown(f"the bundle has no configuration that would state {clause.key}", ground.node)
    return CLEAR


def _verdict(clause: VerdictClause, ground: Ground) -> Result:
    window = resolve(clause.between, ground.bound)
    if isinstance(window, Unplaced):
        return _unplaced(window, ground)
    nodes = nodes_meant(clause.on, ground)
    found = [
        match
        for match in ground.verdicts(clause)
        if (nodes is None or match.node in nodes) and (window is EVERYTHING or window.holds(match))
    ]
    if found:
        return Fired(tuple(found))
    return uncovered(clause.on, window, ground) or CLEAR


def _all(clause: AllClause, ground: Ground) -> Result:
    matches: list[Match] = []
    doubt: Unknown | None = None
    for part in clause.parts:
        result = evaluate(part, ground)
        if isinstance(result, Clear):
            return CLEAR
        if isinstance(result, Unknown):
            doubt = doubt or result
        else:
            matches.extend(cited(result.matches))
    return doubt or Fired(tuple(matches))


def _any(clause: AnyClause, ground: Ground) -> Result:
    matches: list[Match] = []
    fired = False
    doubt: Unknown | None = None
    for part in clause.parts:
        result = evaluate(part, ground)
        if isinstance(result, Fired):
            fired = True
            matches.extend(cited(result.matches))
        elif isinstance(result, Unknown):
            doubt = doubt or result
    return Fired(tuple(matches)) if fired else doubt or CLEAR
