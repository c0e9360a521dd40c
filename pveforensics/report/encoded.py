"""The case document in JSON, piece by piece: as bytes that need not all be held at once, and to see whether it can be written as it stands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pveforensics.report import shape

_AT_ONCE = 200
"""Parts of a list that are written together."""


def pieces(document: Mapping[str, Any] | shape.Document) -> Iterator[bytes]:
    """The document in JSON, a key in a line, lists part by part; together what `json.dumps` with an indent of 1 writes.

    Raises UnicodeEncodeError where a text holds a surrogate, which no UTF-8 has.
    """
    yield b"{"
    for k, (name, value) in enumerate(_keys(document)):
        yield (b"," if k else b"") + b"\n " + msgspec.json.encode(name) + b": "
        if isinstance(value, list | dict) and len(value) > _AT_ONCE:
            yield from _long(value)
        else:
            yield _formatted(value)
    yield b"\n}\n"


def _long(value: list[Any] | dict[str, Any]) -> Iterator[bytes]:
    """A list or mapping in several pieces, of which each is written as a whole one and stripped of its brackets."""
    brackets = b"[]" if isinstance(value, list) else b"{}"
    yield brackets[:1]
    for k, part in enumerate(_parts(value)):
        yield (b"," if k else b"") + _formatted(part)[1:-3]
    yield b"\n " + brackets[1:]


def _parts(value: list[Any] | dict[str, Any]) -> Iterator[list[Any] | dict[str, Any]]:
    if isinstance(value, list):
        yield from (value[at : at + _AT_ONCE] for at in range(0, len(value), _AT_ONCE))
    else:
        items = iter(value.items())
        while part := dict(itertools.islice(items, _AT_ONCE)):
            yield part


def _formatted(value: object) -> bytes:
    """A value as it stands one step in: no text in JSON holds a newline of its own."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).replace(b"\n", b"\n ")


def writable(document: Mapping[str, Any] | shape.Document) -> bool:
    """Whether every text of the document has a form in UTF-8; lone surrogates, which damaged lines may hold, have none.

    MessagePack copies each text where JSON looks at each character, so it is asked first; it has no numbers beyond 64 bits.
    """
    try:
        _encode(document, msgspec.msgpack.Encoder())
    except UnicodeEncodeError:
        return False
    except OverflowError:
        return _writable_in_json(document)
    return True


def _writable_in_json(document: Mapping[str, Any] | shape.Document) -> bool:
    """The same of JSON itself, which has numbers of any length."""
    try:
        _encode(document, msgspec.json.Encoder())
    except UnicodeEncodeError:
        return False
    return True


def _encode(document: Mapping[str, Any] | shape.Document, encoder: msgspec.msgpack.Encoder | msgspec.json.Encoder) -> None:
    """Encode it part by part, and keep nothing. Raises what the encoder raises."""
    buffer = bytearray()
    for _, value in _keys(document):
        for part in _parts(value) if isinstance(value, list | dict) else (value,):
            encoder.encode_into(part, buffer)


def _keys(document: Mapping[str, Any] | shape.Document) -> Iterator[tuple[str, Any]]:
    if isinstance(document, shape.Document):
        return ((name, getattr(document, name)) for name in document.__struct_fields__)
    return iter(document.items())
