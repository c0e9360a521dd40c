"""What could not be checked, why, and what to collect next time."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from pveforensics.report import words
from pveforensics.report.story import Story
from pveforensics.wanted import collect_command

MOST_COMMANDS = 4
"""Nodes without a log for which the command is written out; for more it stands once, with NODE for the name."""


class View(msgspec.Struct, frozen=True):
    """The section: what was missing, on which nodes and for which rules; the notes of the run; nodes without logs, and how to get them."""

    heading: str
    count: int
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    notes: tuple[str, ...]
    blind: tuple[str, ...]
    commands: tuple[str, ...]


def build(story: Story) -> View | None:
    """The open points; None if there are none."""
    where: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for check in story.doc.checks:
        if check.outcome == "could_not_check":
            where[check.rule, check.reason] |= {check.node: None} if check.node else {}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (rule, reason), nodes in sorted(where.items()):
        found[reason, words.names(tuple(nodes), 6)].append(rule)
    blind = tuple(node.name for node in story.doc.nodes if not node.in_bundle)
    if not found and not story.doc.notes and not blind:
        return None
    # What most rules waited for comes first: it is what to collect next time.
    rows = tuple(
        (reason, nodes, tuple(rules)) for (reason, nodes), rules in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    )
    commands = tuple(dict.fromkeys(map(collect_command, blind if len(blind) <= MOST_COMMANDS else ("",))))
    return View("Could not check", len({rule for rule, _ in where}), rows, tuple(dict.fromkeys(story.doc.notes)), blind, commands)
