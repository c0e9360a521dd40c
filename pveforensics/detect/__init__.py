"""What events mean: rules and questions from `rules/`, evaluated on the facts in three values.

`load` reads them, `lint` checks them, `trace` tells why one fired or did not, `wording` puts a clause into words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pveforensics.detect.clauses import BenignRule, Example, Question, Rule

if TYPE_CHECKING:
    from pveforensics.detect.run import detect

__all__ = ["BenignRule", "Example", "Question", "Rule", "detect"]


def __getattr__(name: str) -> Any:
    """Load the evaluation when it is first asked for: who only lists rules needs none."""
    if name != "detect":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pveforensics.detect.run import detect  # noqa: PLC0415

    return detect
