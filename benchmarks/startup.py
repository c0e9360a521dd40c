"""How long a command takes that does next to nothing, in shares of what Python itself needs to start.

    python benchmarks/startup.py [--runs 21]

Runs whole processes in turn: `python -c pass`, `--help`, `rules list`, and `analyze` of one line, the last two with everything kept that
is kept between runs, and once with nothing kept. Modules are compiled beforehand, as an installed wheel's are. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINE = "Mar 14 01:02:03 pve1 corosync[1201]:   [QUORUM] This node is within the non-primary component and will NOT provide any services.\n"
START = "from pveforensics.__main__ import main; main()"


def cost(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds on the clock and of the processor for a whole process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Read the arguments and measure."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--runs", type=int, default=21)
    args = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "pve1.log")
        log.write_text(LINE)
        usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        usual |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": f"{folder}/compiled", "XDG_CACHE_HOME": f"{folder}/kept"}
        ours = {
            "--help": ["--help"],
            "rules list": ["rules", "list"],
            "analyze, one line": ["analyze", str(log), "-q", "-o", f"{folder}/report.html"],
        }
        commands = {name: [sys.executable, "-P", "-c", START, *arguments] for name, arguments in ours.items()}
        for command in (*commands.values(), *commands.values()):
            cost(command, usual)
        rounds = []
        for _ in range(args.runs):
            base = cost([sys.executable, "-c", "pass"], usual)
            rounds.append([(wall / base[0], cpu / base[1], cpu) for wall, cpu in (cost(command, usual) for command in commands.values())])
        cold = [cost(command, usual | {"XDG_CACHE_HOME": f"{folder}/cold{number}"})[1] for number, command in enumerate(commands.values())]
    for name, columns, once in zip(commands, zip(*rounds, strict=True), cold, strict=True):
        wall, cpu, seconds = (statistics.median(column) for column in zip(*columns, strict=True))
        print(f"{name:>18}: wall {wall:.1f}, CPU {cpu:.1f} times python -c pass; {seconds:.3f} s CPU, nothing kept {once:.3f} s")


if __name__ == "__main__":
    main()
