"""The inventory as text for a terminal: 80 columns, calm, what is missing last."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pveforensics.inventory.stock import ALL_OF_A_NODE, Asked, Inventory, NodeStock
from pveforensics.report import words
from pveforensics.report.visible import one_line
from pveforensics.timebase import Instant
from pveforensics.wanted import Want, collect_command

WIDTH = 80
MOST_GAPS = 5
MOST_FILES = 8
"""Gaps of a node and files that are not read which are named one by one; the rest is counted, and stands in the document."""

_BOLD, _ALERT, _PLAIN = "\x1b[1m", "\x1b[33m", "\x1b[0m"


def to_text(inventory: Inventory, *, colour: bool = False) -> str:
    """What is there, node by node; what was not read; what to collect next time."""
    pen = _Pen(colour)
    parts = [_summary(inventory, pen), *(_of_node(node, pen) for node in inventory.nodes if node.files)]
    parts += [_not_read(inventory, pen), _failed(inventory.nodes, pen), _collect(inventory, pen)]
    if inventory.notes:
        parts.append([pen.bold("Notes"), *(line for note in dict.fromkeys(inventory.notes) for line in _wrapped(note, "  "))])
    return "\n\n".join("\n".join(part) for part in parts if part)


class _Pen:
    """Emphasis for a terminal that has it."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if self._colour else text

    def alert(self, text: str) -> str:
        return f"{_ALERT}{text}{_PLAIN}" if self._colour else text


def _wrapped(text: str, indent: str = "", hanging: str = "") -> list[str]:
    return textwrap.wrap(
        one_line(text), WIDTH, initial_indent=indent, subsequent_indent=indent + hanging, break_on_hyphens=False, break_long_words=True
    )


def _minute(moment: Instant | None) -> str:
    return words.stamp(moment.us)[:16] if moment is not None else ""


# --- what is there -------------------------------------------------------------------------------


def _summary(inventory: Inventory, pen: _Pen) -> list[str]:
    there = [node for node in inventory.nodes if node.has_log]
    spans = [moment for node in inventory.nodes for span in node.whole or node.coverage for moment in span]
    lines = sum(source.lines for source in inventory.sources)
    head = (
        f"{words.names([bundle.name for bundle in inventory.bundles])}: {words.counted(len(inventory.sources), 'file')} read, "
        f"{words.counted(lines, 'line')}, logs of {len(there)} of {words.counted(len(inventory.nodes), 'node')}"
    )
    told = _wrapped(head)
    if spans:
        told += _wrapped(f"{words.stamp(min(spans).us)} to {words.stamp(max(spans).us)} UTC, each node by its own clock")
    wide = min(24, max((len(one_line(node.name)) for node in inventory.nodes), default=0))
    for node in inventory.nodes:
        name = f"{one_line(node.name)[: WIDTH - 2]:<{wide}}"
        state = textwrap.wrap(_state(node), WIDTH - wide - 4, break_on_hyphens=False)
        first = state.pop(0) if len(name) == wide else ""
        told.append(f"  {pen.bold(name) if node.has_log else pen.alert(name)}  {first}".rstrip())
        told += [" " * (wide + 4) + line for line in state]
    known = {node.name for node in inventory.nodes}
    homeless = sum(source.node not in known for source in inventory.sources)
    return [*told, *_wrapped(f"{words.counted(homeless, 'file')} that nothing ties to a node", "  ")] if homeless else told


def _state(node: NodeStock) -> str:
    stranger = "" if node.member is not False else "; not named by corosync.conf"
    if not node.files:
        return f"nothing of it is in the bundle{stranger}"
    if not node.coverage:
        return f"{'no log' if not node.has_log else 'no log with a time'}, {words.counted(node.files, 'file')}{stranger}"
    clock = node.clock
    zone = f"{clock.timezone} ({clock.timezone_basis})" if clock.timezone else "zone unknown, read as UTC"
    gaps = f", {words.counted(len(node.gaps), 'gap')}" if node.gaps else ""
    shown = node.whole or node.coverage
    span = f"{_minute(shown[0][0])} to {_minute(shown[-1][1])} UTC"
    partial = "" if node.whole else ", no log of all programs"
    return one_line(f"{span}{gaps}{partial}; {zone}{stranger}")


def _of_node(node: NodeStock, pen: _Pen) -> list[str]:
    """A row for each kind of log; gaps and boots; the kinds of state and settings in one paragraph."""
    told = [pen.bold(one_line(node.name)[:WIDTH])]
    timed = [each for each in node.holdings if each.first is not None]
    if timed:
        told.append(f"  {'log':<20} {'files':>5} {'lines':>13}  {'first (UTC)':<16}  last")
        told += [
            f"  {one_line(each.kind)[:20]:<20} {each.files:>5} {each.lines:>13,}  {_minute(each.first)}  {_minute(each.last)}"
            for each in timed
        ]
    for gap in node.gaps[:MOST_GAPS]:
        length = words.duration(gap.end.seconds_since(gap.start))
        told.append(pen.alert(f"  gap {words.stamp(gap.start.us)} to {words.stamp(gap.end.us)}: {length}{', a boot follows' * gap.boot}"))
    if len(node.gaps) > MOST_GAPS:
        told.append(f"  ... and {words.counted(len(node.gaps) - MOST_GAPS, 'more gap', 'more gaps')}")
    if node.boots:
        more = f" and {len(node.boots) - 3} before" if len(node.boots) > 3 else ""
        told += _wrapped(f"boots: {', '.join(words.stamp(boot.us) for boot in node.boots[-3:])}{more}", "  ", "  ")
    others = [f"{each.kind}{f' x{each.files}' if each.files > 1 else ''}" for each in node.holdings if each.first is None]
    if others:
        told += _wrapped(f"state and settings: {', '.join(others)}", "  ", "  ")
    return told


# --- what is not there ---------------------------------------------------------------------------


def _not_read(inventory: Inventory, pen: _Pen) -> list[str]:
    damaged = [each for each in inventory.not_read if each.damage]
    unknown = [each for each in inventory.not_read if not each.damage]
    told = []
    if damaged:
        told += [pen.alert(f"Damaged, unsafe or beyond a limit: {words.counted(len(damaged), 'file')}")]
        told += [line for each in damaged[:MOST_FILES] for line in _wrapped(f"{each.path}: {each.reason}", "  ", "  ")]
        told += [f"  ... and {len(damaged) - MOST_FILES} more"] if len(damaged) > MOST_FILES else []
    if unknown:
        told += [pen.bold(f"Not read, empty or of no known kind: {words.counted(len(unknown), 'file')}")]
        told += [line for each in unknown[:MOST_FILES] for line in _wrapped(f"{each.path} ({each.reason})", "  ", "  ")]
        told += [f"  ... and {len(unknown) - MOST_FILES} more"] if len(unknown) > MOST_FILES else []
    return told


def _failed(nodes: Iterable[NodeStock], pen: _Pen) -> list[str]:
    rows = [line for node in nodes for each in node.failed for line in _wrapped(f"{node.name}: {each.why or each.what}", "  ", "  ")]
    return [pen.bold("Could not be collected"), *rows] if rows else []


def _collect(inventory: Inventory, pen: _Pen) -> list[str]:
    """What is asked for, the same for several nodes in one; at the end the command that gets all of it."""
    if not inventory.asked:
        return [pen.bold("Nothing that is wanted is missing.")]
    present = [node.name for node in inventory.nodes if node.files]
    told = []
    for decisive, heading in ((True, "Collect next time: what a verdict rests on"), (False, "Also of use")):
        groups = list(_grouped(inventory.asked, decisive=decisive))
        told += [pen.bold(heading)] if groups else []
        for want, group in groups:
            nodes = _whom([each.node for each in group if each.node], present)
            told += _wrapped(f"{nodes}{want.what}. {want.question}{f' ({want.why})' if decisive else ''}", "  ", "  ")
            told += [line for command in dict.fromkeys(each.command for each in group) for line in _command(command)]
    if any(each.want is not ALL_OF_A_NODE for each in inventory.asked):
        told += [pen.bold("All of this from a node at once, read-only and without secrets"), *_command(collect_command(_example(present)))]
    return told


def _command(command: str) -> list[str]:
    """The command to be copied: in one line, or where names are long in several that a shell takes as one."""
    lines = [f"      {command}"]
    if len(lines[0]) > WIDTH:
        first, _, rest = command.partition(" | ")
        lines = [f"      {first} |", f"        {rest}"]
    if len(lines[-1]) > WIDTH:
        start, _, end = lines.pop().rpartition(" > ")
        lines += [f"{start} \\", f"        > {end}"]
    return lines


def _whom(nodes: Sequence[str], present: Sequence[str]) -> str:
    if not nodes:
        return ""
    return "every node: " if len(nodes) > 1 and set(nodes) == set(present) else f"{words.names([one_line(node) for node in nodes], 6)}: "


def _example(nodes: Sequence[str]) -> str:
    return nodes[0] if len(nodes) == 1 else "NODE"


def _grouped(asked: Iterable[Asked], *, decisive: bool) -> Iterator[tuple[Want, list[Asked]]]:
    """Wants in the order in which they are first met, each with those that ask for it."""
    groups: dict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        if each.want.decisive is decisive:
            groups[each.want.id].append(each)
    yield from ((group[0].want, group) for group in groups.values())
