"""How much one file may hold: steps of shortening for a report that would grow beyond its cap, lowest value first."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from pveforensics.report.visible import LONGEST

CAP = 5_000_000
"""Bytes of the report that are not exceeded."""
CARDS = 200
"""Findings up to which each has its card: nobody reads more of them."""


class Room(msgspec.Struct, frozen=True):
    """Most evidence lines in cards, whether they carry neighbours, lines cited elsewhere, table rows, characters of a line, and cards.

    `listed` are incidents, and findings of none, that have a line of their own.
    """

    lines: int = 3_000
    near: bool = True
    cited: int = 600
    rows: int = 400
    chars: int = LONGEST
    cards: int = CARDS
    listed: int = 500
    said: str = ""


@runtime_checkable
class Fitting(Protocol):
    """A section of which less is drawn where there is less room: all that does not depend on the room is made once."""

    def within(self, room: Room) -> object:
        """Its view in so much room."""


STEPS = (
    Room(),
    Room(near=False, cited=200, chars=1_200, said="without the lines around the evidence, lines cut at 1,200 characters"),
    Room(1_500, near=False, cited=60, rows=150, chars=500, listed=300, said="1,500 lines of evidence at most, cut at 500 characters"),
    Room(
        400,
        near=False,
        cited=0,
        rows=60,
        chars=240,
        cards=120,
        listed=200,
        said="400 lines of evidence at most, cut at 240 characters, and the worst 120 findings",
    ),
)
"""From whole to shortest. What is left out is counted where it is missing, and stands in the case document."""

CARD = 5_000
"""Bytes of a finding's card, as a rule."""


def steps(findings: int, cap: int) -> tuple[Room, ...]:
    """The steps that may fit so many findings into a file: those that cannot are not drawn first. The last one always stands."""
    return (*(room for room in STEPS[:-1] if min(findings, room.cards) * CARD < cap), STEPS[-1])
