"""Strict YAML with line numbers: the one loader of rule files.

YAML 1.2 in what it takes plain words for (`no`, `12:30:45` and `0777` are text), duplicate keys are errors, and every
mapping and list knows the lines it came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pveforensics.errors import RulePackError
from pveforensics.lazyregex import regex


class Map(dict[str, Any]):
    """A mapping with string keys; `line` is its first line, `lines` the line of each key (counted from 1)."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Seq(list[Any]):
    """A list; `line` is its first line, `lines` the line of each element."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


class _Loader(yaml.CSafeLoader):
    """The C scanner with YAML 1.2's own short list of plain words."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own class attribute, replaced so that 1.1's list is not shared


for _tag, _words, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", regex(rf"^(?:{_words})$"), _first)


def load(path: Path) -> Any:
    """The data of one YAML file: Map, Seq, str, int, float, bool or None.

    Raises RulePackError with `file:line: message` for anything that is not plain strict YAML, and for a file that cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RulePackError(f"{path}:1: cannot be read: {error.strerror or error}") from error
    return loads(data, str(path))


def loads(text: str | bytes, name: str = "<text>") -> Any:
    """As `load`, of text that is already there; `name` stands for the file in messages."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RulePackError(f"{name}:{line}: {error.problem or error.context or 'not YAML'}") from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise RulePackError(f"{name}:1: not YAML: {' '.join(str(error).split()) or type(error).__name__}") from error
    try:
        return _build(node, name, set()) if node is not None else None
    except (RecursionError, ValueError) as error:
        raise RulePackError(f"{name}:1: nested too deeply, or a tag that its value does not fit") from error


def _build(node: yaml.Node, name: str, seen: set[int]) -> Any:
    if id(node) in seen:
        raise RulePackError(f"{name}:{_line(node)}: aliases (*name) are not used in rule files")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, name, seen)
    if isinstance(node, yaml.SequenceNode):
        seq = Seq(_line(node))
        for child in node.value:
            seq.append(_build(child, name, seen))
            seq.lines.append(_line(child))
        return seq
    return _scalar(node, name)


def _mapping(node: yaml.MappingNode, name: str, seen: set[int]) -> Map:
    result = Map(_line(node))
    for key_node, value_node in node.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise RulePackError(f"{name}:{line}: a key must be text")
        key = str(key_node.value)
        if key in result:
            raise RulePackError(f"{name}:{line}: duplicate key {key!r}, first in line {result.lines[key]}")
        result[key] = _build(value_node, name, seen)
        result.lines[key] = line
    return result


def _scalar(node: yaml.Node, name: str) -> Any:
    text = str(node.value)
    match node.tag.rpartition(":")[2]:
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if len(text) <= 40:
            return int(text)
        case "float":
            return float(text)
        case _:
            raise RulePackError(f"{name}:{_line(node)}: {node.tag} is not allowed here")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
