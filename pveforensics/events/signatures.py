"""Signatures: what a line of a known program means, loaded from `rules/events/*.yaml` and checked field by field."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pveforensics import yamlfile
from pveforensics.errors import RulePackError
from pveforensics.events.anchors import NoAnchorError, anchors

LEFT_OUT = "left_out.yaml"
"""Names the catalogue's entries that are served by a reader instead; no signatures in it."""

LONGEST_MESSAGE = 2048
"""Characters of a message that an expression is tried on: a hostile line must not cost quadratic time."""


class Sample(NamedTuple):
    """A line that the signature must match, with the fields that it must give."""

    line: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signature:
    """One message of one program: `match` is searched in the text behind `program[pid]: `; named groups are the fields.

    `programs` are lower case, empty for any; `pid` if set is demanded of the line. With `storm` its lines are counted by the minute.
    `timeline` says that no rule or tracker needs it: it is there to be shown among the events;
    long logs are not searched for it. `guard` says that it must be all the same, as it takes lines from a more general signature.
    """

    id: str
    kind: str
    says: str
    match: str
    programs: tuple[str, ...] = ()
    pid: str = ""
    storm: bool = False
    samples: tuple[Sample, ...] = ()
    not_samples: tuple[str, ...] = ()
    source: str = ""
    versions: str = ""
    severity: str = ""
    timeline: bool = False
    guard: bool = False
    anchors: tuple[str, ...] = ()
    file: str = ""
    line: int = 0

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled when a line first needs it."""
        return _compiled(self.match)

    def fits(self, program: str, pid: str) -> bool:
        """True if a line of this program and pid may be tried; a line without a program may always."""
        if self.programs and program and program.lower() not in self.programs:
            return False
        return not self.pid or not pid or pid == self.pid

    def search(self, message: str) -> re.Match[str] | None:
        """The match in a message, of which only the first 2048 characters are looked at."""
        return self.pattern.search(message, 0, LONGEST_MESSAGE)


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(text)


class SignatureIndex:
    """Signatures with their anchors, numbered: which signatures a literal that was found can stand for."""

    def __init__(self, signatures: Sequence[Signature]) -> None:
        """Collect the anchors; the order of `signatures` is the order in which they are tried."""
        self.signatures = tuple(signatures)
        users: dict[str, list[int]] = {}
        for number, signature in enumerate(self.signatures):
            for text in signature.anchors or anchors(signature.match):
                users.setdefault(text, []).append(number)
        self.texts = tuple(users)
        self.users = tuple(tuple(numbers) for numbers in users.values())

    def of_text(self, text: str) -> list[int]:
        """Numbers of the signatures of which an anchor stands in `text`, in pack order."""
        return sorted({number for anchor, numbers in zip(self.texts, self.users, strict=True) if anchor in text for number in numbers})

    def of_anchors(self, found: set[int]) -> list[int]:
        """Numbers of the signatures to which the anchors with these indexes belong, in pack order."""
        return sorted({number for anchor in found if anchor < len(self.users) for number in self.users[anchor]})

    def first(self, numbers: Sequence[int], program: str, pid: str, message: str) -> tuple[Signature, re.Match[str]] | None:
        """The first of these signatures that matches the message."""
        for number in numbers:
            signature = self.signatures[number]
            if signature.fits(program, pid) and (match := signature.search(message)):
                return signature, match
        return None


def match_line(index: SignatureIndex, program: str, pid: str, message: str) -> tuple[Signature, re.Match[str]] | None:
    """The first signature in pack order that matches this message, with its match."""
    return index.first(index.of_text(message), program, pid, message)


def load_signatures(folders: Sequence[Path]) -> tuple[Signature, ...]:
    """All signatures of the packs' `events/*.yaml`, files by name, entries as they stand.

    Raises RulePackError with file and line for an unknown, missing or wrong field, an id that is taken, an expression that
    does not compile or that no literal anchors.
    """
    found: dict[str, Signature] = {}
    for folder in folders:
        for path in sorted((folder / "events").glob("*.yaml")):
            if path.name == LEFT_OUT:
                continue
            for signature in _load_file(path):
                taken = found.get(signature.id)
                if taken is not None:
                    raise RulePackError(f"{path}:{signature.line}: id {signature.id!r} is taken by {taken.file}:{taken.line}")
                found[signature.id] = signature
    return tuple(found.values())


def _load_file(path: Path) -> list[Signature]:
    entries = yamlfile.load(path)
    if entries is None:
        return []
    if not isinstance(entries, yamlfile.Seq):
        raise RulePackError(f"{path}:1: a file of signatures is a list")
    result = []
    for entry, line in zip(entries, entries.lines, strict=True):
        if not isinstance(entry, yamlfile.Map):
            raise RulePackError(f"{path}:{line}: a signature is a mapping")
        result.append(_signature(entry, path))
    return result


# One table for all checks: field -> (types, demanded). `versions`, `since` and `until` are words for the reader.
_FIELDS: dict[str, tuple[tuple[type, ...], bool]] = {
    "id": ((str,), True),
    "kind": ((str,), True),
    "says": ((str,), True),
    "match": ((str,), True),
    "source": ((str,), True),
    "samples": ((list,), True),
    "program": ((list, str), False),
    "pid": ((str, int), False),
    "storm": ((bool,), False),
    "timeline": ((bool,), False),
    "guard": ((bool,), False),
    "severity": ((str,), False),
    "since": ((str, int, float), False),
    "until": ((str, int, float), False),
    "versions": ((str, int, float), False),
    "not": ((list,), False),
}


def _signature(entry: yamlfile.Map, path: Path) -> Signature:
    for key, value in entry.items():
        if key not in _FIELDS:
            raise RulePackError(f"{path}:{entry.lines[key]}: unknown field {key!r}; known are {', '.join(_FIELDS)}")
        if not isinstance(value, _FIELDS[key][0]):
            raise RulePackError(f"{path}:{entry.lines[key]}: {key!r} must be {' or '.join(kind.__name__ for kind in _FIELDS[key][0])}")
    missing = [key for key, (_, demanded) in _FIELDS.items() if demanded and not entry.get(key)]
    if missing:
        raise RulePackError(f"{path}:{entry.line}: missing or empty: {', '.join(missing)}")
    line = entry.lines["match"]
    try:
        re.compile(entry["match"])
        literals = anchors(entry["match"])
    except re.error as error:
        raise RulePackError(f"{path}:{line}: no regular expression: {error}") from error
    except NoAnchorError as error:
        raise RulePackError(f"{path}:{line}: {error}") from error
    return Signature(
        id=entry["id"],
        kind=entry["kind"],
        says=entry["says"],
        match=entry["match"],
        programs=_programs(entry, path),
        pid=str(entry.get("pid", "")),
        storm=entry.get("storm", False),
        samples=tuple(_sample(sample, path, entry.lines["samples"]) for sample in entry["samples"]),
        not_samples=_texts(entry, "not", path),
        source=entry["source"],
        versions=_versions(entry),
        severity=entry.get("severity", ""),
        timeline=entry.get("timeline", False),
        guard=entry.get("guard", False),
        anchors=literals,
        file=str(path),
        line=entry.line,
    )


def _programs(entry: yamlfile.Map, path: Path) -> tuple[str, ...]:
    value = entry.get("program", [])
    names = (value,) if isinstance(value, str) else _texts(entry, "program", path)
    return () if "*" in names else tuple(name.lower() for name in names)


def _texts(entry: yamlfile.Map, key: str, path: Path) -> tuple[str, ...]:
    values = entry.get(key, [])
    if not all(isinstance(value, str) for value in values):
        raise RulePackError(f"{path}:{entry.lines[key]}: {key!r} must be a list of texts")
    return tuple(values)


def _versions(entry: yamlfile.Map) -> str:
    words = [f"since {entry['since']}" if "since" in entry else "", f"until {entry['until']}" if "until" in entry else ""]
    return "; ".join(str(word) for word in (*words, entry.get("versions", "")) if word)


def _sample(sample: Any, path: Path, line: int) -> Sample:
    if isinstance(sample, str):
        return Sample(sample, {})
    if not isinstance(sample, yamlfile.Map) or not isinstance(sample.get("line"), str) or set(sample) - {"line", "fields"}:
        raise RulePackError(f"{path}:{getattr(sample, 'line', line)}: a sample has a 'line' and perhaps 'fields'")
    fields = sample.get("fields") or {}
    if not isinstance(fields, dict):
        raise RulePackError(f"{path}:{sample.line}: 'fields' must be a mapping")
    return Sample(sample["line"], {key: "" if value is None else str(value) for key, value in fields.items()})
