"""analyze(): the stages of the program, in order. Whoever has read this and `model.py` has understood it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from pveforensics import __version__
from pveforensics.bundle import Limits, open_bundles
from pveforensics.dating import date
from pveforensics.detect import Question, Rule, detect
from pveforensics.events import Signature
from pveforensics.identity import identify
from pveforensics.incidents import assemble
from pveforensics.intake import Intake, take_in
from pveforensics.model import Case, Facts, Options
from pveforensics.state import reconstruct

Progress = Callable[[str], None]


class RulePack(NamedTuple):
    """Everything loaded from rules/: what lines mean, what events mean, and how causes are weighed."""

    signatures: tuple[Signature, ...]
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    sha256: str


def analyze(paths: Sequence[str], pack: RulePack, options: Options, limits: Limits = Limits(), progress: Progress = lambda _: None) -> Case:
    """Read the bundles and say what happened. Raises InputError if nothing in them could be read."""
    with open_bundles(paths, limits) as bundle:
        intake = take_in(bundle, pack.signatures, progress)
    return examine(intake, pack, options)


def examine(intake: Intake, pack: RulePack, options: Options) -> Case:
    """The stages after reading. `selftest.py` calls this with the example lines of a rule."""
    naming = identify(intake.scans, intake.documents)
    dated = date(intake.scans, intake.documents, naming, options)
    history = reconstruct(dated, naming)
    facts = Facts(dated.events, history, dated.coverage, dated.snapshots, naming.nodes, naming.in_bundle)
    verdicts = detect(pack.rules, pack.questions, facts)
    return ...
