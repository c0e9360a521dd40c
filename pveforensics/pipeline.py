"""analyze(): the stages of the program, in order. Whoever has read this and `model.py` has understood it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pveforensics.bundle import Limits, open_bundles
from pveforensics.casefile import compile_case
from pveforensics.clocks import align
from pveforensics.dating import date
from pveforensics.detect import BenignRule, Question, Rule, detect, load_benign, load_questions, load_rules
from pveforensics.events import Signature, load_signatures
from pveforensics.identity import identify
from pveforensics.incidents import assemble
from pveforensics.intake import Intake, take_in
from pveforensics.model import Case, Facts, Options
from pveforensics.resources import content_hash, rules_folder
from pveforensics.state import reconstruct
from pveforensics.stopwatch import timed

Progress = Callable[[str], None]


class RulePack(NamedTuple):
    """Everything loaded from rules/: what lines mean, what events mean, how causes are weighed, what is harmless."""

    signatures: tuple[Signature, ...]
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    benign: tuple[BenignRule, ...]
    sha256: str


def load_pack(extra: Sequence[str] = ()) -> RulePack:
    """The shipped rules and those of more folders. Raises RulePackError with file and line."""
    folders = (rules_folder(), *map(Path, extra))
    return RulePack(load_signatures(folders), load_rules(folders), load_questions(folders), load_benign(folders), content_hash(folders))


def analyze(
    paths: Sequence[str], pack: RulePack, options: Options = Options(), limits: Limits = Limits(), progress: Progress = lambda _: None
) -> Case:
    """Read the bundles and say what happened. Raises InputError if nothing in them could be read."""
    with open_bundles(paths, limits) as bundle:
        intake = take_in(bundle, pack.signatures, progress)
    return examine(intake, pack, options)


def examine(intake: Intake, pack: RulePack, options: Options = Options()) -> Case:
    """The stages after reading: who, when, what state, what it means, what came of it. The self-test begins here."""
    naming = identify(intake.scans, intake.documents)
    timeline = align(date(intake.scans, intake.documents, naming, options))
    history = reconstruct(timeline, naming)
    facts = Facts(
        timeline.events, history, timeline.coverage, timeline.snapshots, naming.nodes, naming.in_bundle, settings=timeline.settings
    )
    verdicts = detect(pack.rules, pack.questions, facts, pack.benign)
    verdicts = replace(verdicts, findings=timed(verdicts.findings, facts))
    incidents = assemble(verdicts.findings, history)
    return compile_case(intake, naming, timeline, history, verdicts, incidents, options, pack.sha256)
