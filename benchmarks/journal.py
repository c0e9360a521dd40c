"""How much processor time all findings of a binary journal cost, in shares of what `journalctl --file -o short` needs to print it.

    python benchmarks/journal.py [--entries 100000] [--runs 7] [--share 0.002] [--long 0.005]
    python benchmarks/journal.py JOURNAL...
    python benchmarks/journal.py --damage [--entries 100000] [--runs 5]

Makes a journal with systemd-journal-remote (Debian), a part of its entries known to signatures, a part long enough to be packed, and
reads it in turn with journalctl (a whole process) and with ours: `scan` is the reader within a running program, from the bytes in
memory to the last record; `read` has the reading of the file in it; `process` is a whole process that does nothing else, with Python's
start and the rule pack. Every known message that was put in must be found. With `--damage` 200 bits of each journal are flipped, or its
second half is cut off, and the entries that are found are counted against those that were there (by the file's own chains, before the
damage). Nothing here is a test: times of a shared machine prove nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pveforensics.readings import LogScan

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

REMOTES = ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
NOISE = [
    "connection",
    "session",
    "opened",
    "state",
    "update",
    "backup",
    "copies",
    "token",
    "volume",
    "worker",
    "done",
    "begun",
    "user",
    "root@pam",
]
KNOWN = (
    ("corosync", "[QUORUM] This node is within the non-primary component and will NOT provide any services."),
    ("corosync", "[TOTEM ] Token has not been received in 3712 ms"),
)


def stream(entries: int, share: float, long: float, seed: int = 1) -> Iterator[bytes]:
    """The export stream of a node: about twenty fields an entry, as journald writes them."""
    draw = random.Random(seed)
    at, mono = 1_773_450_000_000_000, 5_000_000
    for number in range(entries):
        step = draw.randint(1_000, 2_000_000)
        at, mono = at + step, mono + step
        program, pid = draw.choice(
            (("pvestatd", 1201), ("CRON", draw.randint(1000, 99999)), ("pvedaemon", draw.randint(1000, 9999)), ("pveproxy", 77))
        )
        message = " ".join(draw.choice(NOISE) for _ in range(draw.randint(5, 14))) + f" {number}"
        luck = draw.random()
        if luck < share:
            (program, message), pid = draw.choice(KNOWN), 1532
        elif luck < share + long:
            message = " ".join(f"{draw.choice(NOISE)}{draw.randint(0, 999)}" for _ in range(120))
            if draw.random() < share * 10:
                program, message = "corosync", f"{message[:700]} {KNOWN[0][1]}"
        fields = {
            "__REALTIME_TIMESTAMP": at, "__MONOTONIC_TIMESTAMP": mono, "_BOOT_ID": "0123456789abcdef" * 2, "_MACHINE_ID": "ab" * 16, "_HOSTNAME": "alpha",
            "PRIORITY": 6, "SYSLOG_FACILITY": 3, "_UID": 0, "_GID": 0, "_SYSTEMD_SLICE": "system.slice", "_TRANSPORT": "syslog", "_CAP_EFFECTIVE": "1ffffffffff",
            "SYSLOG_IDENTIFIER": program, "_PID": pid, "_COMM": program, "_EXE": "/usr/bin/perl", "_CMDLINE": f"/usr/bin/perl -T {program}",
            "_SYSTEMD_UNIT": f"{program}.service", "MESSAGE": message, "_SOURCE_REALTIME_TIMESTAMP": at - draw.randint(20, 900),
        }  # fmt: skip
        yield "".join(f"{name}={value}\n" for name, value in fields.items()).encode() + b"\n"


def made(folder: Path, entries: int, share: float, long: float) -> tuple[list[Path], int]:
    """The journals of such a stream, and how many known messages were put in."""
    remote = next((path for path in REMOTES if os.access(path, os.X_OK)), None)
    if remote is None:
        sys.exit("systemd-journal-remote is not installed")
    data = b"".join(stream(entries, share, long))
    subprocess.run([remote, "-o", str(folder / "made.journal"), "-"], input=data, check=True, capture_output=True)
    return sorted(folder.glob("made*.journal")), sum(data.count(text.encode()) for _, text in KNOWN)


def cpu_of(command: Sequence[str]) -> float:
    """Seconds of processor time of a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Ours:
    """The rule pack and the engine, loaded once."""

    def __init__(self) -> None:
        from pveforensics.events import SignatureIndex, load_signatures, make_matcher  # noqa: PLC0415 - start-up is measured by itself

        self._index = SignatureIndex(load_signatures([ROOT / "rules"]))
        self._matcher = make_matcher(self._index)
        self.engine = self._matcher.name

    def scan(self, paths: Sequence[Path]) -> tuple[float, float, int, int]:
        """Seconds of processor time without and with the reading of the file, entries and records."""
        reading = scanning = 0.0
        entries = records = 0
        for path in paths:
            start = time.process_time()
            data = path.read_bytes()
            middle = time.process_time()
            found = self.of(path.name, data)
            scanning += time.process_time() - middle
            reading += middle - start
            entries += found.lines
            records += sum(record.count for record in found.records)
        return scanning, scanning + reading, entries, records

    def of(self, name: str, data: bytes) -> LogScan:
        """What the reader makes of these bytes."""
        from pveforensics.events import scan_journal  # noqa: PLC0415

        return scan_journal(name, [data], self._index, matcher=self._matcher, digest=str)


def report(paths: Sequence[Path], runs: int, wanted: int | None) -> None:
    """Print the ratios, pair by pair, and their medians."""
    ours, files = Ours(), [str(path) for path in paths]
    rows = []
    entries = records = 0
    ours.scan(paths)
    for _ in range(runs):
        theirs = sum(cpu_of(["journalctl", "--file", file, "-o", "short", "--quiet", "--no-pager"]) for file in files)
        mine, read, entries, records = ours.scan(paths)
        process = cpu_of([sys.executable, __file__, "--alone", *files])
        rows.append((mine / theirs, read / theirs, process / theirs, mine, theirs))
    found = "" if wanted is None else f", {records} of {wanted} known messages found"
    print(f"{entries:,} entries, {sum(path.stat().st_size for path in paths) / 1e6:.1f} MB, {ours.engine}{found}")
    for name, column in (("scan", 0), ("read", 1), ("process", 2)):
        ratios = sorted(row[column] for row in rows)
        print(f"{name:>8} / journalctl -o short: {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    seconds, printing = (statistics.median(row[column] for row in rows) for column in (3, 4))
    print(f"scan {seconds:.3f} s, {1e6 * seconds / max(entries, 1):.2f} us an entry; journalctl {printing:.3f} s")


def chained(data: bytes) -> list[tuple[int, int]]:
    """Offset and size of each entry of a sound journal, along the chain of its entry arrays."""
    compact, array = struct.unpack_from("<I", data, 12)[0] & 16, struct.unpack_from("<Q", data, 176)[0]
    entries = []
    while array:
        size, following = struct.unpack_from("<QQ", data, array + 8)
        entries += [at for (at,) in struct.iter_unpack("<I" if compact else "<Q", data[array + 24 : array + size]) if at]
        array = following
    return [(at, struct.unpack_from("<Q", data, at + 8)[0]) for at in entries]


def flipped(data: bytes, seed: int) -> bytes:
    """200 bits wrong, the head included."""
    draw, damaged = random.Random(seed), bytearray(data)
    for _ in range(200):
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def told(data: bytes, folder: Path) -> int:
    """Entries that journalctl prints of these bytes."""
    path = folder / "damaged.journal"
    path.write_bytes(data)
    done = subprocess.run(["journalctl", "--file", str(path), "-o", "short", "--quiet", "--no-pager"], capture_output=True, check=False)
    return done.stdout.count(b"\n")


def damage(paths: Sequence[Path], runs: int, folder: Path) -> None:
    """Print how many entries are found in what is left."""
    ours = Ours()
    for path in paths:
        data = path.read_bytes()
        every = chained(data)
        half = data[: len(data) // 2]
        cases = [("cut in half", half, sum(at + size <= len(half) for at, size in every))]
        cases += [(f"200 flips, {seed}", flipped(data, seed), len(every)) for seed in range(runs)]
        print(f"{path.name}: {len(data) / 1e6:.1f} MB, {len(every):,} entries")
        for name, damaged, there in cases:
            found = ours.of(path.name, damaged).lines
            print(f"{name:>16}: {found:,} of {there:,} entries ({100 * found / there:.3f} %); journalctl {told(damaged, folder):,}")


def main() -> None:
    """Read the arguments and measure."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("journals", nargs="*", type=Path)
    ask.add_argument("--entries", type=int, default=100_000)
    ask.add_argument("--runs", type=int, default=7)
    ask.add_argument("--share", type=float, default=0.002)
    ask.add_argument("--long", type=float, default=0.005)
    ask.add_argument("--damage", action="store_true", help="count what is found in damaged journals")
    ask.add_argument("--alone", action="store_true", help="only read, for the measure of a whole process")
    args = ask.parse_args()
    if args.alone:
        print(*Ours().scan(args.journals))
    elif args.journals:
        report(args.journals, args.runs, None)
    else:
        with tempfile.TemporaryDirectory() as folder:
            paths, wanted = made(Path(folder), args.entries, args.share, args.long)
            if args.damage:
                damage(paths, args.runs, Path(folder))
            else:
                report(paths, args.runs, wanted)


if __name__ == "__main__":
    main()
