"""A rule pack as a whole: signatures, rules, questions and benign lines of one or more folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from pveforensics import packstore
from pveforensics.detect.clauses import BenignRule, Question, Rule
from pveforensics.errors import UsageError
from pveforensics.events.signatures import Signature
from pveforensics.resources import content_hash, rules_folder

ROOMS = ("events", "findings", "questions", "benign")
"""The folders of a pack; one is enough."""


class RulePack(NamedTuple):
    """Everything loaded from rules/: what lines mean, what events mean, how causes are weighed, what is harmless."""

    signatures: tuple[Signature, ...]
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    benign: tuple[BenignRule, ...]
    sha256: str

    def of(self, folders: Sequence[str]) -> RulePack:
        """The part of the pack that stands in some folders (all of it for none), to be looked at alone."""
        if not folders:
            return self
        roots = tuple(Path(folder).resolve() for folder in folders)

        def inside(path: str) -> bool:
            return any(Path(path).resolve().is_relative_to(root) for root in roots)

        return self._replace(
            signatures=tuple(each for each in self.signatures if inside(each.file)),
            rules=tuple(each for each in self.rules if inside(each.path)),
            questions=tuple(each for each in self.questions if inside(each.path)),
            benign=tuple(each for each in self.benign if inside(each.path)),
        )


def load_pack(extra: Sequence[str] = (), *, examples: bool = True) -> RulePack:
    """The shipped rules and those of more folders, from their kept form where the files have not changed since.

    Without `examples`, and samples of signatures, which no analysis asks for, that is a third quicker. Raises RulePackError with file and
    line, UsageError for a folder that is none or holds no rules.
    """
    folders = folders_of(extra)
    sha256 = content_hash(folders)
    parts = packstore.kept(sha256, folders, examples=examples)
    if parts is None:
        parts = read_pack(folders) if examples else _bare(*read_pack(folders))
        if content_hash(folders) == sha256:  # else somebody is writing there
            packstore.keep(sha256, folders, parts, examples=examples)
    signatures, rules, questions, benign = parts
    return RulePack(signatures, rules, questions, benign, sha256)


def read_pack(folders: tuple[Path, ...]) -> tuple[Any, ...]:
    """The parts of a pack from its files. Raises RulePackError with file and line."""
    from pveforensics.detect import load  # noqa: PLC0415 - YAML only where nothing is kept
    from pveforensics.events.signature_files import load_signatures  # noqa: PLC0415

    return load_signatures(folders), load.load_rules(folders), load.load_questions(folders), load.load_benign(folders)


def _bare(signatures: Sequence[Signature], rules: Sequence[Rule], *others: Any) -> tuple[Any, ...]:
    """The parts without examples and samples."""
    return tuple(replace(each, samples=()) for each in signatures), tuple(replace(each, examples=()) for each in rules), *others


def folders_of(extra: Sequence[str]) -> tuple[Path, ...]:
    """The shipped pack's folder and those of more packs, each once. Raises UsageError for a folder that is none or holds no rules."""
    shipped = rules_folder()
    found = [shipped]
    for name in extra:
        folder = Path(name)
        if not folder.is_dir():
            raise UsageError(f"{name}: is no folder; a rule pack is a folder with {', '.join(f'{room}/' for room in ROOMS)} in it")
        if not any((folder / room).is_dir() for room in ROOMS):
            raise UsageError(f"{name}: holds no rules; expected at least one of {', '.join(f'{room}/' for room in ROOMS)} in it")
        if all(folder.resolve() != each.resolve() for each in found):
            found.append(folder)
    return tuple(found)
