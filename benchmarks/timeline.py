"""How fast every line becomes a row: MB of text per second of processor time, in shares of what `zcat` unpacks.

    python benchmarks/timeline.py [--runs 5] [--megabytes 256] [--suffix .parquet] [--generator GENSYSLOG.PY | FOLDER-WITH-GZ-FILES]

Runs whole processes in turn (zcat, `timeline --all -o x.parquet`, zcat ...) on rotated logs of four nodes and prints the median of the
ratios with their spread, the peak memory and the size of the table. Nothing here is a test: times of a shared machine prove nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from generate import generate

ROOT = Path(__file__).resolve().parent.parent


def measured(command: Sequence[str]) -> tuple[float, int]:
    """Seconds of processor time of a whole process, and its peak memory in MiB."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss >> 10


def logs(folder: Path, generator: str | None, megabytes: int) -> list[str]:
    """Rotated, compressed logs of four nodes."""
    if generator is None:
        return [*map(str, generate(folder, size=megabytes << 20, nodes=4, files=2))]
    if not Path(generator).is_dir():
        arguments = ["--out", str(folder), "--format", "rfc3164", "--size", f"{megabytes}M", "--nodes", "4", "--files", "2", "--gzip"]
        subprocess.run([sys.executable, generator, *arguments], check=True)
    return sorted(map(str, Path(folder if not Path(generator).is_dir() else generator).rglob("*.gz")))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--suffix", default=".parquet", choices=[".parquet", ".csv", ".jsonl"])
    parser.add_argument("--generator", help="a generator with the options of gensyslog.py, or a folder of .gz files")
    options = parser.parse_args()
    sys.stdout.write(f"{time.strftime('%Y-%m-%d')}  {os.uname().machine}  Python {sys.version.split()[0]}\n")
    with tempfile.TemporaryDirectory() as name:
        paths = logs(Path(name) / "logs", options.generator, options.megabytes)
        size = sum(int.from_bytes(Path(path).read_bytes()[-4:], "little") for path in paths) / 1e6
        table = f"{name}/lines{options.suffix}"
        ours = [sys.executable, "-m", "pveforensics", "timeline", "--all", "-q", "-o", table, *paths]
        pairs = [(measured(["zcat", *paths])[0], *measured(ours)) for _ in range(options.runs)]
        ratios = sorted(theirs / mine for theirs, mine, _ in pairs)
        rate = size / statistics.median(mine for _, mine, _ in pairs)
        sys.stdout.write(
            f"{size:6.0f} MB of text   {rate:5.0f} MB per CPU-second   / zcat's {statistics.median(ratios):4.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})   "
            f"peak {max(peak for _, _, peak in pairs)} MiB   table {Path(table).stat().st_size / 1e6:.0f} MB\n"
        )


if __name__ == "__main__":
    main()
