"""Facts made by hand: a clock that counts seconds from 2026-03-14 02:00:00 UTC, and short words for what rules look at."""

from pveforensics.model import Cluster, Coverage, Event, Evidence, Facts, History, Interval
from pveforensics.timebase import SECOND, Instant

START = 1773453600
"""2026-03-14T02:00:00Z."""


def at(second, error_s=0.0):
    return Instant((START + second) * SECOND, round(error_s * SECOND))


def line(node, number, text="a line"):
    return Evidence(f"{node}/var/log/syslog", number, node, text)


def event(kind, node="alpha", second=None, lines=1, **fields):
    number = 1000 + (second or 0)
    evidence = tuple(line(node, number + place, kind) for place in range(lines))
    return Event(kind, node, None if second is None else at(second), fields, evidence)


def span(subject, state, start=None, end=None, **fields):
    node = Interval(subject, state, None, None).node
    edges = [None if edge is None else at(edge) if isinstance(edge, int) else edge for edge in (start, end)]
    number = 5000 + (start if isinstance(start, int) else 0)
    return Interval(subject, state, edges[0], edges[1], fields, (line(node, number, f"{subject} {state}"),))


def covered(node="alpha", start=0, end=7200, whole=True):
    return Coverage(node, at(start), at(end), f"{node}/var/log/syslog", frozenset({"kernel", "corosync"}), whole)


def facts(*things, coverage=None, nodes=("alpha", "beta", "gamma"), in_bundle=None, settings=(), snapshots=()):
    events = [thing for thing in things if isinstance(thing, Event)]
    events.sort(key=lambda each: (each.at is None, each.at.us if each.at else 0))
    intervals = tuple(thing for thing in things if isinstance(thing, Interval))
    spans = tuple(covered(node) for node in nodes) if coverage is None else tuple(coverage)
    logs = frozenset(nodes if in_bundle is None else in_bundle)
    return Facts(tuple(events), History(Cluster(), intervals), spans, tuple(snapshots), tuple(nodes), logs, tuple(settings))
