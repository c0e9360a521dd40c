"""Signatures from `rules/events/*.yaml`, checked field by field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pveforensics import yamlfile
from pveforensics.errors import RulePackError
from pveforensics.events.anchors import NoAnchorError, anchors
from pveforensics.events.signatures import LONGEST_ENDING, Sample, Signature

LEFT_OUT = "left_out.yaml"
"""Names the catalogue's entries that are served by a reader instead; no signatures in it."""


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
    "everyday": ((bool, str), False),
    "tagged": ((bool,), False),
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
        everyday=_everyday(entry, path),
        tagged=entry.get("tagged", False),
        anchors=literals,
        file=str(path),
        line=entry.line,
    )


def _everyday(entry: yamlfile.Map, path: Path) -> str | None:
    value = entry.get("everyday", False)
    ending = ("" if value else None) if isinstance(value, bool) else str(value)
    if ending is not None and (len(ending) > LONGEST_ENDING or not ending.isascii()):
        raise RulePackError(f"{path}:{entry.lines['everyday']}: 'everyday' is true or an ending of up to {LONGEST_ENDING} ASCII characters")
    if ending and entry.get("storm", False):
        raise RulePackError(f"{path}:{entry.lines['everyday']}: all lines of a storm count together: 'everyday' can only be true or false")
    return ending


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
