"""How much processor time reading logs costs, in shares of what `zcat` needs to unpack them.

    python benchmarks/scan.py [--runs 5] [--analyze] [--generator GENSYSLOG.PY | FOLDER-WITH-GZ-FILES]

Runs whole processes in turn (zcat, ours, zcat, ours ...) and prints the median of the ratios with their spread, and MB of text per
second of processor time. Without `--analyze` ours is inflate and scan alone, with it the whole `pveforensics analyze`. Nothing here
is a test: times of a shared machine prove nothing.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from generate import generate

ROOT = Path(__file__).resolve().parent.parent


def scan(paths: Sequence[str], *, fast: bool = True) -> None:
    """Ours: every file inflated, hashed and searched with the whole rule pack. This runs in a process of its own.

    Slow, it is what everybody would write: a loop over lines, each searched for all anchors, with the same rules.
    """
    from pveforensics.bundle import open_bundles  # noqa: PLC0415 - start-up belongs to what is measured
    from pveforensics.events import scan as scans  # noqa: PLC0415
    from pveforensics.intake import take_in  # noqa: PLC0415
    from pveforensics.rulepack import load_pack  # noqa: PLC0415

    if not fast:
        scans.BACK_ENDS = scans.BACK_ENDS[-1:]
        scans.scan_log.__kwdefaults__["fast"] = False
    with open_bundles(paths) as bundle:
        intake = take_in(bundle, load_pack(()).signatures)
    lines, records = sum(each.lines for each in intake.scans), sum(len(each.records) for each in intake.scans)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    sys.stdout.write(f"{lines} lines, {records} records, peak {peak} MiB\n")


def loop(path: str, megabytes: int = 1) -> float:
    """Seconds of processor time for a megabyte of text as everybody would read it: an expression for the head, then those of all rules.

    The rules are those that long logs are searched for; each message is tried on one after another until one matches.
    """
    from pveforensics.rulepack import load_pack  # noqa: PLC0415

    head = re.compile(r"\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ [^\s\[:]+(?:\[\d+\])?: (?P<message>.*)")
    rules = [re.compile(each.match) for each in load_pack(()).signatures if each.guard or not each.timeline]
    with gzip.open(path, "rt", errors="replace") as file:
        text = file.read(megabytes * 1_000_000)
    begin = time.process_time()
    for line in text.splitlines():
        found = head.match(line)
        if found is not None:
            any(rule.search(found["message"]) for rule in rules)
    return (time.process_time() - begin) / megabytes


def cpu_of(command: Sequence[str]) -> float:
    """Seconds of processor time of a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}"}
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(paths: Sequence[str], ours: Sequence[str], runs: int, say: Callable[[str], object]) -> float:
    """The median of CPU(ours) / CPU(zcat), pair by pair."""
    size = sum(int.from_bytes(Path(path).read_bytes()[-4:], "little") for path in paths)
    pairs = [(cpu_of(["zcat", *paths]), cpu_of(ours)) for _ in range(runs)]
    ratios = sorted(mine / theirs for theirs, mine in pairs)
    rate = size / 1e6 / statistics.median(mine for _, mine in pairs)
    say(
        f"{size / 1e6:8.0f} MB   {rate:6.0f} MB per CPU-second   CPU/zcat {statistics.median(ratios):5.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    )
    return statistics.median(ratios)


def texts(folder: Path, generator: str | None, megabytes: int) -> dict[str, list[str]]:
    """Texts to read, by name."""
    if generator is None:
        size = megabytes << 20
        return {
            "quiet, 1 in 2,000 known": [*map(str, generate(folder / "quiet", size=size, nodes=2, files=1))],
            "3 % of lines are known": [*map(str, generate(folder / "busy", size=size, nodes=2, files=1, every=33))],
            "a storm of retransmits": [*map(str, generate(folder / "storm", size=size, nodes=2, files=1, storm=True))],
        }
    if Path(generator).is_dir():
        return {generator: sorted(map(str, Path(generator).rglob("*.gz")))}
    out = folder / "generated"
    arguments = ["--out", str(out), "--format", "rfc3164", "--size", f"{megabytes}M", "--nodes", "2", "--files", "1", "--gzip"]
    subprocess.run([sys.executable, generator, *arguments], check=True)
    return {"generated": sorted(map(str, out.rglob("*.gz")))}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=128)
    parser.add_argument("--analyze", action="store_true")
    parser.add_argument("--generator", help="a generator with the options of gensyslog.py, or a folder of .gz files")
    parser.add_argument("--jobs", type=int, default=1, help="workers of --analyze")
    parser.add_argument(
        "--scan", nargs="+", help="read these files once, and say how many lines and records there are and how much memory it took"
    )
    parser.add_argument(
        "--loop", metavar="FILE", help="CPU seconds a megabyte of a loop over lines and all rules, on the first megabyte of a .gz"
    )
    parser.add_argument("--naive", action="store_true", help="with --scan: line by line")
    options = parser.parse_args()
    if options.loop:
        sys.stdout.write(f"{loop(options.loop):.3f} s of CPU a megabyte\n")
        return
    if options.scan:
        scan(options.scan, fast=not options.naive)
        return
    sys.stdout.write(f"{time.strftime('%Y-%m-%d')}  {os.uname().machine}  Python {sys.version.split()[0]}\n")
    with tempfile.TemporaryDirectory() as name:
        for text, paths in texts(Path(name), options.generator, options.megabytes).items():
            ours = [sys.executable, __file__, "--scan", *paths]
            if options.analyze:
                ours = [
                    sys.executable,
                    "-m",
                    "pveforensics",
                    "analyze",
                    "-q",
                    "--jobs",
                    str(options.jobs),
                    "-o",
                    f"{name}/report.html",
                    *paths,
                ]
            sys.stdout.write(f"{text}\n")
            compare(paths, ours, options.runs, sys.stdout.write)
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
