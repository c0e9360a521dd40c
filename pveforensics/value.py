"""Value: what all frozen values of the program are."""

from __future__ import annotations

from msgspec import Struct


class Value(Struct, frozen=True, gc=False):
    """A frozen value with the fields that its class names, equal to another with equal fields.

    It is made from what was there before it, so none holds itself, and the search for cycles passes values over; one that keeps
    what it was asked for says `gc=True`.
    Each class says `frozen=True` again: type checkers ask for it, and compiled modules have it from here (docs/decisions/0016-structs.md).
    """
