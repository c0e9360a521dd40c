"""Readers of certificates: PEM files such as pve-ssl.pem, and what `openssl x509 -dates` prints of them. Keys are never read."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot
from pveforensics.state.dumps.dates import find_date
from pveforensics.state.page import Page, Reading
from pveforensics.timebase import SECOND, local_us

KIND = "certificate"
MOST_BYTES = 1 << 20
MOST = 50

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_DATE = regex(r"^(?P<key>notBefore|notAfter)=(?P<date>\S.*?)\s*$")
_NAME = regex(r"^(?P<key>subject|issuer)=\s*(?P<name>\S.*?)\s*$")
_COMMON = regex(rb"\x06\x03\x55\x04\x03")
"""The object identifier of a common name (2.5.4.3) in DER."""
_SEQUENCE, _VERSION, _UTC_TIME, _LONG_TIME = 0x30, 0xA0, 0x17, 0x18


def score(page: Page) -> float:
    """By a PEM block, or by both of openssl's dates."""
    if len(page.data) > MOST_BYTES or page.is_log():
        return 0.0
    lines = [line.strip() for line in page.lines[:5000]]
    if _BEGIN in lines:
        return 0.95
    keys = {found["key"] for line in lines if (found := _DATE.match(line))}
    return 0.9 if len(keys) == 2 else 0.0


def read(page: Page) -> Reading:
    """One snapshot: a row a certificate with `not_before`, `not_after` (epoch seconds), `subject`, `issuer`; of a chain the own one is first.

    A block that is cut or damaged leaves a problem.
    """
    rows = [*_blocks(page), *_printed(page)][:MOST]
    broken = sum(1 for row in rows if not row.get("not_after"))
    problems = (f"{broken} of {len(rows)} certificates could not be read",) if broken else ()
    rows = [row for row in rows if row.get("not_after")]
    if not rows:
        return Reading(problems=problems)
    first = rows[0]
    return Reading(snapshots=(RawSnapshot(KIND, int(first["line"]), first["text"], rows=tuple(rows)),), problems=problems)


def _blocks(page: Page) -> Iterator[dict[str, str]]:
    block: list[str] | None = None
    start = 1
    for number, line in page.filled():
        text = line.strip()
        if text == _BEGIN:
            block, start = [], number
        elif text == _END and block is not None:
            yield {"line": str(start), "text": _BEGIN, **_certificate("".join(block))}
            block = None
        elif block is not None:
            block.append(text)
    if block is not None:
        yield {"line": str(start), "text": _BEGIN}


def _printed(page: Page) -> Iterator[dict[str, str]]:
    """What openssl printed; `notAfter` comes second, names follow it."""
    row: dict[str, str] = {}
    for number, line in page.filled():
        text = line.strip()
        if found := _DATE.match(text):
            said = find_date(found["date"].removesuffix(" GMT"))  # openssl prints no other zone
            epoch = said._replace(zone="UTC").epoch_us if said is not None else None
            if found["key"] == "notBefore":
                if row:
                    yield row
                row = {"not_before": str(epoch // SECOND) if epoch is not None else ""}
            elif row:
                row |= {"line": str(number), "text": text[:200], "not_after": str(epoch // SECOND) if epoch is not None else ""}
        elif row and (found := _NAME.match(text)):
            row.setdefault(found["key"], found["name"][:200])
    if row.get("line"):
        yield row


# --- DER -------------------------------------------------------------------------------------


def _certificate(text: str) -> dict[str, str]:
    """Validity and names of one certificate (RFC 5280, 4.1); empty if it is none."""
    try:
        der = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
        tag, outer, _ = _element(der, 0)
        body, place = _element(outer, 0)[1], 0
        tag, _, after = _element(body, 0)
        if tag == _VERSION:
            place = after
        parts = []
        for _ in range(5):  # serial number, algorithm, issuer, validity, subject
            tag, content, place = _element(body, place)
            parts.append(content)
        first, second = _times(parts[3])
    except (ValueError, IndexError, UnicodeError):
        return {}
    return {"not_before": str(first), "not_after": str(second), "issuer": _common_name(parts[2]), "subject": _common_name(parts[4])}


def _element(data: bytes, place: int) -> tuple[int, bytes, int]:
    """Tag, content and end of the element that begins there. Raises ValueError or IndexError if it is cut."""
    tag, length = data[place], data[place + 1]
    place += 2
    if length & 0x80:
        width = length & 0x7F
        if not 0 < width <= 4:
            raise ValueError("length")
        length, place = int.from_bytes(data[place : place + width], "big"), place + width
    if place + length > len(data):
        raise ValueError("cut")
    return tag, data[place : place + length], place + length


def _times(validity: bytes) -> tuple[int, int]:
    tag, first, place = _element(validity, 0)
    other, second, _ = _element(validity, place)
    return _epoch(tag, first), _epoch(other, second)


def _epoch(tag: int, raw: bytes) -> int:
    """Epoch seconds of `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`. Raises ValueError for anything else."""
    text = raw.decode("ascii")
    if tag == _UTC_TIME:
        text = f"{'20' if text[:2] < '50' else '19'}{text}"
    elif tag != _LONG_TIME:
        raise ValueError("no time")
    if not re.fullmatch(r"\d{14}Z", text, re.ASCII):
        raise ValueError("no time")
    hour, minute, second = (int(text[at : at + 2]) for at in (8, 10, 12))
    us = local_us(int(text[:4]), int(text[4:6]), int(text[6:8]), hour * 3600 + minute * 60 + second)
    if us is None:
        raise ValueError("no date")
    return us // SECOND


def _common_name(name: bytes) -> str:
    found = _COMMON.search(name)
    if not found:
        return ""
    content = _element(name, found.end())[1]
    return content.decode("utf-8", "replace")[:200]
