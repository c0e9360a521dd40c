"""What the script of `pveforensics collect` writes around a command's output: who said it, when, and how it ended."""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec.structs import replace

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot, TimeHint
from pveforensics.state.dumps.collect_manifest import FAILED_COMMAND, OTHER_COMMAND
from pveforensics.state.dumps.dates import Said, find_date
from pveforensics.state.dumps.terminal import command_of
from pveforensics.state.page import Page, Reading

_FIRST = regex(r"### \[(?P<node>[A-Za-z0-9-]{1,63})\] (?P<command>\S.{0,400}) ###", re.ASCII)
_SECOND = regex(r"# began (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}), limit \d+ s", re.ASCII)
_LAST = regex(r"# ended \S+, (?P<outcome>\w+), exit (?P<code>\w+)", re.ASCII)


class Heading(NamedTuple):
    """The two lines above an output: node, command and the moment at which the command began, as the node's clock said it."""

    node: str
    command: str
    began: Said


def heading_of(page: Page) -> Heading | None:
    """The heading of a page that the script wrote; None for any other page."""
    if len(page.lines) < 2:
        return None
    first, second = _FIRST.fullmatch(page.lines[0]), _SECOND.fullmatch(page.lines[1])
    began = find_date(second["moment"]) if second else None
    return Heading(first["node"], first["command"], began) if first and began and began.epoch_us is not None else None


def without_heading(page: Page) -> Page:
    """The page with blank lines for what the script wrote around the output; the command stays where readers know it."""
    lines = [page.lines[0] if command_of(page.lines[0]) is not None else "", "", *page.lines[2:]]
    if _LAST.fullmatch(lines[-1]):
        lines[-1] = ""
    return replace(page, lines=tuple(lines))


def bare_reading(page: Page, heading: Heading) -> Reading | None:
    """What the heading and the last line tell of an output that no reader knows; None for one that is a log, which is read as such."""
    last = _LAST.fullmatch(page.lines[-1])
    outcome, code = (last["outcome"], last["code"]) if last else ("cut", "")
    if outcome == "ok" and without_heading(page).is_log():
        return None
    kind = OTHER_COMMAND if outcome == "ok" else FAILED_COMMAND
    fields = {"command": heading.command, "outcome": outcome, "code": code}
    return Reading(snapshots=(RawSnapshot(kind, 1, page.lines[0][:200], node=heading.node, fields=fields),))


def with_moment(reading: Reading, heading: Heading) -> Reading:
    """The reading with its dumps dated by the heading, as far as they tell no moment themselves; the heading also proves the zone."""
    began = heading.began
    snapshots = tuple(
        replace(
            each,
            node=each.node or heading.node,
            epoch_us=began.epoch_us if each.epoch_us is None and not each.local else each.epoch_us,
        )
        for each in reading.snapshots
    )
    hint = TimeHint(2, "time of collection", None, began.epoch_us, began.local, began.zone, exact=True)
    return replace(reading, snapshots=snapshots, hints=(*reading.hints, hint))
