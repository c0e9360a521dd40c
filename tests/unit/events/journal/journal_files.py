"""Journals for tests: export streams, real files made of them by systemd-journal-remote, and files written byte by byte."""

import lzma
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import lz4.block
import pytest

from pveforensics.events import Signature, SignatureIndex

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIGNATURES = [
    Signature("lost", "lost", "s", r"\[QUORUM\] This node is within the non-primary component", programs=("corosync",)),
    Signature("token", "token", "s", r"\[TOTEM *\] Token has not been received in (?P<ms>\d+) ms", programs=("corosync",)),
    Signature("crit", "crit", "s", r"\[dcdb\] crit: (?P<what>\w+)", programs=("pmxcfs",)),
    Signature("slow", "slow", "s", r"^status update time \((?P<seconds>[\d.]+) seconds\)$", programs=("pvestatd",), storm=True),
    Signature("nic", "nic", "s", r"(?P<nic>\w+): [Ll]ink (?P<state>down|up)\b", programs=("kernel",)),
    Signature("suppressed", "log_rate_limited", "s", r"Suppressed (?P<n>\d+) messages from (?P<unit>\S+)", programs=("systemd-journald",)),
    Signature("started", "started", "s", r"^Started (?P<what>.+)\.", programs=("systemd",), pid="1"),
]
INDEX = SignatureIndex(SIGNATURES)
BOOT, NEXT_BOOT = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
START = 1_773_450_000_000_000
REMOTE = next(
    (path for path in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote") if os.access(path, os.X_OK)), ""
)

needs_remote = pytest.mark.skipif(
    not REMOTE and os.environ.get("CI") != "true", reason="SKIPPED ALOUD: systemd-journal-remote is not installed"
)


def entry(
    number,
    program="pvestatd",
    message="auth key pair too old, rotating..",
    *,
    host="alpha",
    pid="1201",
    boot=BOOT,
    at=None,
    mono=None,
    **more,
):
    """One entry's fields; `at` and `mono` in microseconds."""
    at = START + 1_000_000 * number if at is None else at
    mono = at - START + 5_000_000 if mono is None else mono
    fields = {
        "__REALTIME_TIMESTAMP": str(at), "__MONOTONIC_TIMESTAMP": str(mono), "_BOOT_ID": boot, "_HOSTNAME": host, "PRIORITY": "6",
        "_TRANSPORT": "kernel" if program == "kernel" else "syslog", "SYSLOG_IDENTIFIER": program, "MESSAGE": message,
    }  # fmt: skip
    if program != "kernel":
        fields |= {"_PID": pid, "_COMM": program[:15], "_SOURCE_REALTIME_TIMESTAMP": str(at - 150)}
    return fields | more


def story(count, seed=1, *, odd=0.05):
    """Entries of a node: mostly noise, some that signatures know, some long enough to be packed."""
    draw = random.Random(seed)
    known = [
        ("corosync", "[QUORUM] This node is within the non-primary component and will NOT provide any services."), ("pvestatd", "status update time (12.5 seconds)"),
        ("kernel", "eno1: Link down"), ("systemd-journald", "Suppressed 17 messages from corosync.service"), ("systemd", "Started cron.service."),
        ("pmxcfs", "[dcdb] crit: " + " ".join(f"word{draw.random()}" for _ in range(60))), ("pmxcfs", "x " * 900 + "[dcdb] crit: deep"),
        ("corosync", "[TOTEM ] Token\nhas not been received in 9 ms"), ("corosync", "first\n[TOTEM ] Token has not been received in 77 ms"), ("nobody", "Link down"),
        ("corosync", "[TOTEM ] Token has not been received in 3000 ms\x01\xff".encode("latin-1")),
    ]  # fmt: skip
    made, at, mono, boot = [], START, 5_000_000, BOOT
    for k in range(count):
        step = draw.randint(1_000, 3_000_000)
        at, mono = at + step, mono + step
        if k == count * 2 // 3:
            boot, mono = NEXT_BOOT, 1_000_000
        program, message = draw.choice(known) if draw.random() < odd else ("pvedaemon", f"<root@pam> end task {draw.random()}")
        more = {"_SOURCE_MONOTONIC_TIMESTAMP": str(max(0, mono - 700_000))} if program == "kernel" else {}
        made.append(
            entry(k, program, message, boot=boot, at=at, mono=mono, pid="1" if program == "systemd" else str(draw.randint(2, 999)), **more)
        )
    return made


def export(entries):
    """The export stream of these entries."""
    parts = []
    for fields in entries:
        for name, value in fields.items():
            raw = value if isinstance(value, bytes) else value.encode()
            if any(code < 32 for code in raw):
                parts.append(name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n")
            else:
                parts.append(name.encode() + b"=" + raw + b"\n")
        parts.append(b"\n")
    return b"".join(parts)


def real(tmp_path: Path, entries, *, compact=True, keyed=True):
    """The journals that systemd-journal-remote makes of these entries, oldest first."""
    if not REMOTE:
        pytest.fail("CI needs systemd-journal-remote: .ci/system-packages installs it")
    environment = os.environ | {"SYSTEMD_JOURNAL_COMPACT": str(int(compact)), "SYSTEMD_JOURNAL_KEYED_HASH": str(int(keyed))}
    target = tmp_path / "made.journal"
    subprocess.run([REMOTE, "-o", str(target), "-"], input=export(entries), env=environment, check=True, capture_output=True, timeout=60)
    return [path.read_bytes() for path in [*sorted(tmp_path.glob("made@*.journal")), target]]


PACK = {
    0: lambda data: data,
    1: lambda data: lzma.compress(data, preset=0),
    2: lambda data: struct.pack("<Q", len(data)) + lz4.block.compress(data, store_size=False),
    4: zstd.compress,
}
_BITS = {0: 0, 1: 1, 2: 2, 4: 8}


def written(entries, *, compact=False, packing=0, state=2, from_size=400, compatible=0, seqnum=1):
    """A journal byte by byte: DATA objects once each, entries, and one array of them; no hash tables, which no sequential reader needs."""
    head, places, out, offsets = 272, {}, bytearray(272), []
    data_head = 72 if compact else 64
    for number, fields in enumerate(entries, seqnum):
        items = []
        for name, value in fields.items():
            if name.startswith("__"):
                continue
            raw = name.encode() + b"=" + (value if isinstance(value, bytes) else value.encode())
            if raw not in places:
                places[raw] = len(out)
                flags = packing if len(raw) >= from_size else 0
                body = PACK[flags](raw)
                out += (
                    struct.pack("<BB6xQ", 1, flags, data_head + len(body))
                    + struct.pack("<QQQQQQ", 77, 0, 0, 8, 0, 1)
                    + bytes(data_head - 64)
                    + body
                )
                out += bytes(-len(out) % 8)
            items.append(places[raw])
        packed = b"".join(struct.pack("<I", item) if compact else struct.pack("<QQ", item, 77) for item in sorted(items))
        offsets.append(len(out))
        at, mono = int(fields["__REALTIME_TIMESTAMP"]), int(fields["__MONOTONIC_TIMESTAMP"])
        out += (
            struct.pack("<BB6xQQQQ", 3, 0, 64 + len(packed), number, at, mono)
            + bytes.fromhex(fields["_BOOT_ID"])
            + struct.pack("<Q", at ^ mono)
            + packed
        )
        out += bytes(-len(out) % 8)
    incompatible = 4 | _BITS[packing] | (16 if compact else 0)
    out[:head] = struct.pack(
        "<8sIIB7x16s16s16s16sQQ40xQQQQQQQQ", b"LPKSHHRH", compatible, incompatible, state, b"f" * 16, b"m" * 16, b"b" * 16, b"s" * 16, head,
        len(out) - head, len(places) + len(entries), len(entries), len(entries), seqnum, 0, 0, 0, 0,
    ).ljust(head, b"\0")  # fmt: skip
    return bytes(out)
