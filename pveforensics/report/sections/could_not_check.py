"""What could not be checked, why, and what to collect next time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pveforensics.report.story import Story
from pveforensics.wanted import collect_command

MOST_COMMANDS = 4
"""Nodes without a log for which the command is written out; for more it stands once, with NODE for the name."""


@dataclass(frozen=True, slots=True)
class View:
    """The section: per rule its reasons, each with the nodes it holds for; the notes of the run; nodes without logs, and how to get them."""

    heading: str
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    notes: tuple[str, ...]
    blind: tuple[str, ...]
    commands: tuple[str, ...]


def build(story: Story) -> View | None:
    """The open points; None if there are none."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for check in story.doc.checks:
        if check.outcome == "could_not_check":
            nodes = found[check.rule][check.reason]
            if check.node and check.node not in nodes:
                nodes.append(check.node)
    blind = tuple(node.name for node in story.doc.nodes if not node.in_bundle)
    if not found and not story.doc.notes and not blind:
        return None
    rows = tuple((rule, tuple((reason, ", ".join(nodes)) for reason, nodes in sorted(found[rule].items()))) for rule in sorted(found))
    commands = tuple(dict.fromkeys(map(collect_command, blind if len(blind) <= MOST_COMMANDS else ("",))))
    return View("Could not check", rows, tuple(dict.fromkeys(story.doc.notes)), blind, commands)
