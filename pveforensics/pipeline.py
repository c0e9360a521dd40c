"""analyze(): the stages of the program, in order. Whoever has read this and `model.py` has understood it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from pveforensics import events, heap
from pveforensics.bundle import Limits, open_bundles
from pveforensics.casefile import compile_case
from pveforensics.clocks import Shifts, align_with_shifts
from pveforensics.dating import FileClock, FileClocks, date, date_and_clocks
from pveforensics.detect import detect
from pveforensics.events import Signature
from pveforensics.identity import identify
from pveforensics.incidents import assemble
from pveforensics.intake import Intake, take_in
from pveforensics.model import Case, Facts, History, Options, Timeline
from pveforensics.readings import LogScan, Naming
from pveforensics.rulepack import RulePack, load_pack
from pveforensics.state import outline, reconstruct
from pveforensics.stopwatch import timed

if TYPE_CHECKING:
    from pveforensics.inventory import Inventory

__all__ = ["Dated", "RulePack", "analyze", "dated", "examine", "inventory", "load_pack", "reconstructed"]

Progress = Callable[[str], None]


def analyze(
    paths: Sequence[str], pack: RulePack, options: Options = Options(), limits: Limits = Limits(), progress: Progress = lambda _: None
) -> Case:
    """Read the bundles and say what happened. Raises InputError if nothing in them could be read."""
    return examine(_read(paths, pack, options, limits, progress), pack, options)


def _read(paths: Sequence[str], pack: RulePack, options: Options, limits: Limits, progress: Progress) -> Intake:
    with open_bundles(paths, limits, by_thread=options.jobs > 1) as bundle:
        intake = take_in(bundle, pack.signatures, progress, workers=options.jobs)
    if any(scan.everyday is not None for scan in intake.scans):  # there were long logs
        heap.give_back()
    return intake


def inventory(
    paths: Sequence[str], pack: RulePack, options: Options = Options(), limits: Limits = Limits(), progress: Progress = lambda _: None
) -> Inventory:
    """Read the bundles and say what they hold: who, when and which boots, no more. Raises InputError if nothing in them could be read."""
    from pveforensics.inventory import take_stock  # noqa: PLC0415 - an analysis takes none

    with open_bundles(paths, limits) as bundle:
        intake = take_in(bundle, tuple(_for_inventory(pack.signatures)), progress)
    naming = identify(intake.scans, intake.documents)
    timeline = date(intake.scans, intake.documents, naming, options)
    history = outline(timeline, naming)
    return take_stock(intake, naming, timeline, history, options, pack.sha256)


def _for_inventory(signatures: Sequence[Signature]) -> Iterator[Signature]:
    """The signatures as an inventory needs them: long logs are searched for boots alone; a short text may be known by any message in it."""
    for each in signatures:
        yield each if each.kind.startswith("boot_") else replace(each, timeline=True, guard=False)


class Dated(NamedTuple):
    """What is known once everything has its moment: `own` is the timeline on the nodes' own clocks, `common` on the case's.

    `clocks` are those by which the lines of each log can be dated as well.
    """

    naming: Naming
    own: Timeline
    common: Timeline
    shifts: Shifts
    clocks: FileClocks


class Reconstruction(NamedTuple):
    """What is known before any rule is asked: who, when, in which state; `facts` is what rules look at."""

    naming: Naming
    timeline: Timeline
    history: History
    facts: Facts


def examine(intake: Intake, pack: RulePack, options: Options = Options()) -> Case:
    """The stages after reading: who, when, what state, what it means, what came of it. The self-test begins here."""
    scans, intake = list(intake.scans), intake._replace(scans=())
    naming, timeline, history, facts = _reconstructed(scans, intake, options)
    intake = intake._replace(documents=())
    verdicts = detect(pack.rules, pack.questions, facts, pack.benign)
    verdicts = replace(verdicts, findings=timed(verdicts.findings, facts))
    incidents = assemble(verdicts.findings, history)
    if intake.signatures is not None:  # there were long logs
        heap.give_back()
    return compile_case(intake, naming, timeline, history, verdicts, incidents, options, pack.sha256)


def dated(intake: Intake, options: Options = Options()) -> Dated:
    """The stages between reading and state: who, and when on one common clock."""
    return _dated(list(intake.scans), intake, options)


def _dated(scans: list[LogScan], intake: Intake, options: Options) -> Dated:
    """The same of scans that nobody else holds: they are taken out of the list, as of a gigabyte of logs they are a third of all memory."""
    naming = identify(scans, intake.documents)
    own, clocks = date_and_clocks(scans, intake.documents, naming, options, functools.partial(_recalled, intake, naming))
    common, shifts = align_with_shifts(own)
    return Dated(naming, own, common, shifts, clocks)


def _recalled(intake: Intake, naming: Naming, scans: Sequence[LogScan], clocks: Mapping[str, FileClock]) -> Sequence[LogScan]:
    """The scans with records of the everyday lines that matter, with all about guests whose configuration shows a lock."""
    if intake.signatures is None:
        return scans
    dumps = [dump for document in intake.documents for dump in document.snapshots if dump.kind == "guest_config"]
    locked = {dump.fields.get("vmid", "") for dump in dumps if dump.fields.get("lock")}
    full = events.recalled(scans, intake.signatures, clocks, naming.node_of_path, locked)
    if any(scan.everyday is not None for scan in scans):
        heap.give_back()
    return full


def reconstructed(intake: Intake, options: Options = Options()) -> Reconstruction:
    """The stages between reading and rules."""
    return _reconstructed(list(intake.scans), intake, options)


def _reconstructed(scans: list[LogScan], intake: Intake, options: Options) -> Reconstruction:
    """The same of scans that nobody else holds."""
    known = _dated(scans, intake, options)
    naming, timeline = known.naming, known.common
    del known  # the clocks of all stamps and the events as they were on their nodes' own clocks
    history = reconstruct(timeline, naming)
    facts = Facts(
        timeline.events, history, timeline.coverage, timeline.snapshots, naming.nodes, naming.in_bundle, settings=timeline.settings
    )
    return Reconstruction(naming, timeline, history, facts)
