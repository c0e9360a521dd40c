"""What the post-mortem's sentences stand on: the incident's window, and the lines behind intervals, boots and events in it."""

from __future__ import annotations

import itertools
import operator
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from pveforensics.report import shape, words
from pveforensics.report.blameless import blameless, people
from pveforensics.report.story import Chain, Story
from pveforensics.report.verdict import Verdict, verdict
from pveforensics.value import Value

MEMBERSHIP = frozenset({"totem_membership_changed", "corosync_members", "corosync_sync_members", "pmxcfs_members"})
CITED = 4
"""Lines cited by one sentence."""


class Sentence(msgspec.Struct, frozen=True):
    """One sentence and the ids of the lines that it rests on; without such a line it is not written."""

    text: str
    evidence: tuple[str, ...]


Held = tuple[shape.Interval, int | None, int | None]
"""An interval with its edges."""
_moment = operator.itemgetter(0)


class Ground(Value, frozen=True, dict=True, gc=True):  # no slots: what lies in the window is looked up once
    """One incident and what the document holds about its time."""

    story: Story
    chain: Chain
    start: int | None
    end: int | None
    known: frozenset[str]

    @property
    def doc(self) -> shape.Document:
        """The case document."""
        return self.story.doc

    @cached_property
    def said(self) -> Verdict:
        """The report's first sentence, and what it rests on."""
        return verdict(self.story)

    def say(self, text: str, *evidence: str) -> Sentence | None:
        """The sentence, blameless, if at least one of its lines is in the document."""
        ids: list[str] = []
        for key in evidence:  # there may be thousands
            if key in self.doc.evidence and key not in ids:
                ids.append(key)
                if len(ids) == CITED:
                    break
        clean = blameless(text, self.known)
        return Sentence(clean[:1].upper() + clean[1:] if clean[:4] in ("the ", "no l") else clean, tuple(ids)) if ids else None

    def spans(self, kind: str, states: Collection[str] = ()) -> Iterator[Held]:
        """Intervals of a kind of subject that begin or end inside the window, with their edges."""
        return (held for held in self._by_kind.get(f"{kind}:", ()) if not states or held[0].state in states)

    def about(self, subject: str) -> Sequence[shape.Interval]:
        """Those of one subject."""
        return self._by_subject.get(subject, ())

    @cached_property
    def _by_kind(self) -> Mapping[str, Sequence[Held]]:
        found: dict[str, list[Held]] = defaultdict(list)
        for each in self.doc.intervals:
            start, end = words.micros(each.start), words.micros(each.end)
            if self.inside(start) or self.inside(end):
                found["".join(each.subject.partition(":")[:2])].append((each, start, end))
        return found

    @cached_property
    def _by_subject(self) -> Mapping[str, Sequence[shape.Interval]]:
        found: dict[str, list[shape.Interval]] = defaultdict(list)
        for each, _, _ in itertools.chain.from_iterable(self._by_kind.values()):
            found[each.subject].append(each)
        return found

    @cached_property
    def _dated(self) -> Sequence[tuple[int, shape.Event]]:
        dated = [(us, event) for event in self.doc.events if (us := words.micros(event.at)) is not None]
        return sorted(dated, key=_moment)

    def inside(self, us: int | None) -> bool:
        """True if a moment lies in the window of the incident, with a minute of slack at its end."""
        return us is not None and self.start is not None and self.end is not None and self.start <= us <= self.end + 60_000_000

    def events(self, t0: int, t1: int) -> Iterator[tuple[int, shape.Event]]:
        """Dated events between two moments, in order of time."""
        there = self._dated[bisect_left(self._dated, t0, key=_moment) : bisect_right(self._dated, t1, key=_moment)]
        return iter(sorted(there, key=lambda pair: (pair[0], pair[1].id)))


def ground(story: Story, chain: Chain) -> Ground:
    """The ground of one incident: from its first finding to its last, its guests' return and the next boots of its nodes."""
    start, end = chain.start, chain.end
    guests = chain.incident.impact.guests if chain.incident else []
    later = [us for guest in guests if (us := words.micros(guest.down_to)) is not None]
    return Ground(story, chain, start, max([end, *later]) if end is not None else None, people(story.doc.events))


def lines(findings: Iterable[shape.Finding], most: int = 2) -> tuple[str, ...]:
    """The first lines of each finding."""
    return tuple(key for finding in findings for key in finding.evidence[:most])


def told(us: int) -> str:
    """`02:14:31 UTC`."""
    return f"{words.clock(us)} UTC"
