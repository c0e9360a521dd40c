"""Order of Debian package versions (man deb-version.7): epoch, upstream version, revision; `~` comes before everything."""

from __future__ import annotations

import re
from itertools import zip_longest

from pveforensics.lazyregex import regex

_VERSION = regex(r"(?:(?P<epoch>\d{1,9}):)?(?P<upstream>[0-9A-Za-z.+~:-]{1,200}?)(?:-(?P<revision>[0-9A-Za-z.+~]{1,100}))?", re.ASCII)
_PARTS = regex(r"(\D*)(\d*)", re.ASCII)


def is_version(text: str) -> bool:
    """True if the text can be a package's version: it begins with a digit and holds nothing else than versions do."""
    return bool(text[:1].isdigit() and _VERSION.fullmatch(text))


def compare(one: str, other: str) -> int:
    """-1, 0 or 1 as the first version is older than the second, the same or newer. Raises ValueError for what is no version."""
    first, second = _split(one), _split(other)
    if first[0] != second[0]:
        return -1 if first[0] < second[0] else 1
    return _compare(first[1], second[1]) or _compare(first[2], second[2])


def _split(text: str) -> tuple[int, str, str]:
    found = _VERSION.fullmatch(text) if is_version(text) else None
    if not found:
        raise ValueError(f"no version: {text[:40]!r}")
    return int(found["epoch"] or 0), found["upstream"], found["revision"] or "0"


def _compare(one: str, other: str) -> int:
    """Text and number in turn: text by characters, where letters come before other signs, number by value."""
    for (text, number), (other_text, other_number) in zip_longest(_PARTS.findall(one), _PARTS.findall(other), fillvalue=("", "")):
        for sign, other_sign in zip_longest(text, other_text, fillvalue=""):
            if _weight(sign) != _weight(other_sign):
                return -1 if _weight(sign) < _weight(other_sign) else 1
        if int(number or 0) != int(other_number or 0):
            return -1 if int(number or 0) < int(other_number or 0) else 1
    return 0


def _weight(sign: str) -> int:
    """`~` before the end, the end before letters, letters before all others."""
    if sign == "~":
        return -1
    if not sign:
        return 0
    return ord(sign) if sign.isalpha() else ord(sign) + 256
