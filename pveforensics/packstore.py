"""A rule pack's kept form: plain data, from which only the classes of a closed list are made again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pveforensics import __version__, cache
from pveforensics.detect import clauses
from pveforensics.events.signatures import Sample, Signature
from pveforensics.model import Criticality, Remedy

CLASSES: tuple[type[Any], ...] = (
    tuple,
    Criticality,
    Sample,
    Signature,
    Remedy,
    clauses.AbsenceClause,
    clauses.AllClause,
    clauses.AnyClause,
    clauses.BenignRule,
    clauses.Between,
    clauses.Condition,
    clauses.ConfidenceWhen,
    clauses.CriticalityWhen,
    clauses.Edge,
    clauses.EventClause,
    clauses.Example,
    clauses.Hypothesis,
    clauses.Merge,
    clauses.Question,
    clauses.Rule,
    clauses.SettingClause,
    clauses.SnapshotClause,
    clauses.StateClause,
    clauses.Step,
    clauses.Test,
    clauses.ThresholdClause,
    clauses.VerdictClause,
    clauses.Weighed,
)
"""What a pack is made of; a value's class is kept as its place in this list."""

PARTS = 4
"""Signatures, rules, questions, benign lines."""

_NAMES = {True: "rules", False: "bare-rules"}
"""Of the entries with the examples of rules and the samples of signatures, and without."""

_AS_IT_IS = frozenset({str, int, float, bool, type(None)})
_NUMBER = {kind: number for number, kind in enumerate(CLASSES)}
_SOURCES = ("yamlfile.py", "model.py", "packstore.py", "events/signature*.py", "events/anchors.py", "detect/*.py")
"""What decides what is made of a rule file: a checkout under work must not see what its older code has made."""


def kept(sha256: str, folders: tuple[Path, ...], *, examples: bool = True) -> Any:
    """What was kept of these folders with this content; None if nothing was, or nothing that fits."""
    data = cache.load(_NAMES[examples], _key(sha256, folders))
    if data is None:
        return None
    try:
        parts = unpacked(data)
    except (msgspec.DecodeError, TypeError, ValueError, LookupError, RecursionError):
        return None
    return parts if isinstance(parts, tuple) and len(parts) == PARTS else None


def keep(sha256: str, folders: tuple[Path, ...], parts: tuple[Any, ...], *, examples: bool = True) -> None:
    """Keep the parts of a pack, if that can be done; one with a value of another class is read from its files each time."""
    with contextlib.suppress(KeyError):
        cache.keep(_NAMES[examples], _key(sha256, folders), packed(parts))


def packed(value: Any) -> bytes:
    """Plain data for a value of these classes. Raises KeyError for one of another class."""
    return msgspec.msgpack.encode(_plain(value))


def unpacked(data: bytes) -> Any:
    """The value again. Raises DecodeError, TypeError, ValueError or LookupError for what `packed` has not given."""
    return _made(msgspec.msgpack.decode(data))


def _plain(value: Any) -> Any:
    if value is None or type(value) in (int, float, bool):
        return value
    if type(value) is str:
        return (
            value if value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value) else value.encode("utf-8", "surrogatepass")
        )
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    number = _NUMBER[type(value)]
    if isinstance(value, Criticality):
        return [number, value.value]
    parts = value if isinstance(value, tuple) else [getattr(value, name) for name in value.__struct_fields__]
    return [number, *map(_plain, parts)]


def _made(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        number = value[0]
        parts = [each if type(each) in _AS_IT_IS else _made(each) for each in value[1:]]
        return tuple(parts) if number == 0 else CLASSES[number](*parts)
    if kind is dict:
        return {key: each if type(each) in _AS_IT_IS else _made(each) for key, each in value.items()}
    if kind is bytes:  # a text with half a surrogate pair, which is no UTF-8
        return value.decode("utf-8", "surrogatepass")
    return value


def _key(sha256: str, folders: tuple[Path, ...]) -> str:
    """Rules, where they stand, and what read them: this version, its sources as they lie there, this Python's regular expressions."""
    here = Path(__file__).parent
    sources = sorted(path for pattern in _SOURCES for path in here.glob(pattern))
    stamps = [f"{path.name} {status.st_size} {status.st_mtime_ns}" for path in sources if (status := path.stat())]
    return "\n".join((__version__, sys.version, sha256, *map(str, folders), *stamps))
