"""What the fuzzer feeds: the readers that must take any bytes, each with the promises that it must keep."""

from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "unit" / part) for part in ("bundle", "events/journal")]

import composed
import journal_files

from pveforensics.bundle import Limits
from pveforensics.bundle.ledger import Ledger
from pveforensics.bundle.limits import Meter
from pveforensics.bundle.stream import Reader
from pveforensics.bundle.unpack import Place, unpack
from pveforensics.errors import InputError
from pveforensics.events import SignatureIndex, make_matcher, scan_journal, scan_log
from pveforensics.intake import take_in
from pveforensics.model import BundleInfo
from pveforensics.readings import LogScan
from pveforensics.rulepack import load_pack

SIGNATURES = load_pack().signatures
INDEX = SignatureIndex(SIGNATURES)
MATCHER = make_matcher(INDEX)
LIMITS = Limits(members=2_000, total=64 << 20, member=16 << 20, ratio_from=1 << 20, xz_memory=32 << 20, sparse_extents=1_000)
BLOCK = 512
NAMES = (
    "pve1/var/log/syslog", "pve1/var/log/corosync/corosync.log", "pve1/journal.json", "pve1/journal.export", "pve1/pvecm-status.txt", "pve1/etc/pve/corosync.conf",
    "pve1/var/log/wtmp", "pve1/var/lib/pve-cluster/config.db", "pve1/var/log/pve/tasks/index", "pve1/pvereport.txt", "pve1/etc/network/interfaces",
    "pve1/ha-manager-status.txt", "pve1/var/log/journal/0123456789abcdef0123456789abcdef/system.journal", "pve1/zpool-status.txt", "pve1/ipmi-sel.txt", "unnamed",
)  # fmt: skip


def journal(data: bytes) -> None:
    """A binary journal, whole or damaged."""
    _sound(scan_journal("var/log/journal/m/system.journal", [data], INDEX, matcher=MATCHER), data)


def lines(data: bytes) -> None:
    """A text log: where its bytes are cut makes no difference, and the fast way gives what the slow one gives."""
    draw = random.Random(len(data))
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range(draw.randrange(5)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    fast = scan_log("syslog", pieces, INDEX, matcher=MATCHER)
    _sound(fast, data)
    assert fast == scan_log("syslog", [data], INDEX, matcher=MATCHER, fast=False)


def archive(data: bytes) -> None:
    """An archive or a compressed file: names stay inside, and no more comes out than the limits let."""
    ledger = Ledger(LIMITS)
    reader = Reader(iter([data]), [], Meter(ledger.budget))
    seen = 0
    for member in unpack(ledger, Place("b.tgz", "", 0, "b.tgz"), reader):
        parts = member.path.split("/")
        assert ".." not in parts
        assert "" not in parts
        assert member.path.encode().decode() == member.path
        head, size = member.head(), 0
        for number, chunk in enumerate(member.chunks()):
            assert number or chunk[: len(head)] == head[: len(chunk)]
            size += len(chunk)
        assert size <= LIMITS.member
        seen += size
    assert seen <= LIMITS.total + len(data)
    assert len(ledger.not_read) <= LIMITS.notes + 1


def tar(data: bytes) -> None:
    """A tar whose header checksums are right, as chance would never make them."""
    fixed = bytearray(data)
    for at in range(0, len(data) - BLOCK + 1, BLOCK):
        if data[at + 257 : at + 262] == b"ustar":
            fixed[at + 148 : at + 156] = b"        "
            fixed[at + 148 : at + 156] = b"%06o\0 " % sum(fixed[at : at + BLOCK])
    archive(bytes(fixed))


def file(data: bytes) -> None:
    """A file of any kind, by its content and one of some names: no reader fails."""
    if not data:
        return
    try:
        intake = take_in(_One(NAMES[data[0] % len(NAMES)], data[1:]), SIGNATURES)
    except InputError as error:
        if "reader failed" in str(error):
            raise AssertionError(error) from error
        return
    assert not [each for each in intake.not_read if each.reason.startswith("reader failed")]
    for scan in intake.scans:
        _sound(scan, data[1:])


TARGETS: dict[str, Callable[[bytes], None]] = {"journal": journal, "lines": lines, "archive": archive, "tar": tar, "file": file}


def seeds(target: str) -> Iterator[bytes]:
    """What to begin with: small inputs that the reader knows."""
    samples = [sample.line for signature in SIGNATURES for sample in signature.samples]
    if target == "journal":
        story = journal_files.story(12, odd=0.6)
        for packing in (0, 1, 2, 4):
            for compact in (False, True):
                yield journal_files.written(story, compact=compact, packing=packing)
    elif target == "lines":
        for start in range(0, len(samples), 7):
            yield ("\n".join(samples[start : start + 7]) + "\n").encode("utf-8", "replace")
        yield journal_files.export(journal_files.story(6, odd=0.6))
        yield b'{"MESSAGE":"[TOTEM ] x","__REALTIME_TIMESTAMP":"1773450000000000","_HOSTNAME":"a","SYSLOG_IDENTIFIER":"corosync"}\n' * 2
    elif target in ("archive", "tar"):
        tree = {"alpha/etc/hostname": b"alpha\n", "b/" + "long" * 40: b"x" * 700, "alpha/l.gz": gzip.compress(b"x\n" * 9, mtime=0)}
        for form in (composed.tarfile.GNU_FORMAT, composed.tarfile.PAX_FORMAT, composed.tarfile.USTAR_FORMAT):
            whole = composed.tar_of(tree if form != composed.tarfile.USTAR_FORMAT else {"a": b"1"}, format=form)
            yield whole[:8192]
            if target == "archive":
                yield from (pack(whole[:8192]) for pack in composed.COMPRESS.values())
        if target == "archive":
            yield composed.zip_of(tree)
    else:
        for number in range(len(NAMES)):
            for start in range(number, len(samples), len(samples) // 3):
                yield bytes([number]) + ("\n".join(samples[start : start + 4]) + "\n").encode("utf-8", "replace")


def _sound(scan: LogScan, data: bytes) -> None:
    """What every scan promises, whatever it was given."""
    assert scan.size == len(data)
    assert 0 <= scan.recognized <= scan.lines <= len(data) + 1
    for record in scan.records:
        assert 1 <= record.line <= max(scan.lines, 1)
        assert record.count >= 1
        record.text.encode()
    for run in scan.runs:
        assert run.first_line <= run.last_line


class _One:
    """A bundle of one file."""

    not_read = ()

    def __init__(self, path: str, data: bytes) -> None:
        self.infos = (BundleInfo("b", len(data), ""),)
        ledger = Ledger(LIMITS)
        self._members = unpack(ledger, Place(path, "", 0, "b"), Reader(iter([data]), [], Meter(ledger.budget)))

    def members(self) -> Iterator[object]:
        return self._members
