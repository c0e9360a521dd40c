"""Thrift's compact protocol, as far as the headers of a Parquet file need it: https://github.com/apache/thrift, thrift-compact-protocol.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 3, 4, 5, 6, 8, 9, 12
_SHORT_LIST = 15


class Value(NamedTuple):
    """A value as it is written, and the number of its type."""

    kind: int
    written: bytes


def flag(value: bool) -> Value:
    """A truth value, which stands in its field's head alone."""
    return Value(_TRUE if value else _FALSE, b"")


def byte(value: int) -> Value:
    """A number of 8 bits, from 0 on."""
    return Value(_BYTE, bytes((value,)))


def i16(value: int) -> Value:
    """A number of 16 bits."""
    return Value(_I16, _signed(value))


def i32(value: int) -> Value:
    """A number of 32 bits."""
    return Value(_I32, _signed(value))


def i64(value: int) -> Value:
    """A number of 64 bits."""
    return Value(_I64, _signed(value))


def binary(value: bytes) -> Value:
    """Bytes, or a text in UTF-8."""
    return Value(_BINARY, varint(len(value)) + value)


def sequence(values: Sequence[Value]) -> Value:
    """A list; its values are of one type, those of an empty one structs."""
    kind, count = values[0].kind if values else _STRUCT, len(values)
    head = bytes((count << 4 | kind,)) if count < _SHORT_LIST else bytes((_SHORT_LIST << 4 | kind,)) + varint(count)
    return Value(_LIST, head + b"".join(value.written for value in values))


def struct(fields: dict[int, Value]) -> Value:
    """A struct; its fields by their ids, in ascending order, each at most 15 above the one before."""
    parts, before = [], 0
    for number, value in fields.items():
        parts.append(bytes(((number - before) << 4 | value.kind,)) + value.written)
        before = number
    return Value(_STRUCT, b"".join(parts) + b"\0")


def varint(value: int) -> bytes:
    """A number from 0 on in groups of seven bits, the lowest first."""
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _signed(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else -(value << 1) - 1)
