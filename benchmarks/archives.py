"""What packing costs: reading the same logs from one archive, in shares of what reading them as loose files takes.

    python benchmarks/archives.py [--megabytes 128] [--runs 5] [--unpack]

Whole processes in turn; each opens the bundle and takes it in (`open_bundles` and `take_in`), or with `--unpack` only reads the bytes.
Nothing here is a test: times of a shared machine prove nothing.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from generate import generate
from scan import cpu_of

ROOT = Path(__file__).resolve().parent.parent


def read(path: str, *, unpack: bool) -> None:
    """Ours, in a process of its own."""
    from pveforensics.bundle import open_bundles  # noqa: PLC0415 - start-up belongs to what is measured
    from pveforensics.intake import take_in  # noqa: PLC0415
    from pveforensics.rulepack import load_pack  # noqa: PLC0415

    with open_bundles([path]) as bundle:
        if unpack:
            for member in bundle.members():
                for _ in member.chunks():
                    pass
        else:
            take_in(bundle, load_pack().signatures)


def packed(folder: Path, megabytes: int) -> dict[str, str]:
    """The same logs in several ways; the first is what the others are compared with."""
    loose, plain = folder / "loose", folder / "plain"
    for path in generate(loose, size=megabytes << 20, nodes=4, files=2):
        target = plain / path.relative_to(loose).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.decompress(path.read_bytes()))
    ways = {"loose .gz files": str(loose), "loose files, not compressed": str(plain)}
    for name, source, options in ((".tgz of .gz files", loose, "cz"), (".tgz of files", plain, "cz"), (".tar of files", plain, "c")):
        ways[name] = str(folder / f"{source.name}-{options}.bundle")
        subprocess.run(["tar", f"-{options}f", ways[name], "-C", str(source), "."], check=True)
    for name, program in ((".tar.zst of files", "zstd"), (".tar.xz of files", "xz")):
        ways[name] = str(folder / f"{program}.bundle")
        with Path(ways[name]).open("wb") as target:
            subprocess.run([program, "-c", "-q", "-3", ways[".tar of files"]], stdout=target, check=True)
    return ways


def main() -> None:
    """Read the arguments and measure."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--megabytes", type=int, default=128)
    ask.add_argument("--runs", type=int, default=5)
    ask.add_argument("--unpack", action="store_true")
    ask.add_argument("--alone", help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.alone:
        read(args.alone, unpack=args.unpack)
        return
    os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    more = ["--unpack"] if args.unpack else []
    with tempfile.TemporaryDirectory() as folder:
        ways = packed(Path(folder), args.megabytes)
        commands = {name: [sys.executable, __file__, "--alone", path, *more] for name, path in ways.items()}
        cpu_of(next(iter(commands.values())))
        rounds = [[cpu_of(command) for command in commands.values()] for _ in range(args.runs)]
    for name, column in zip(commands, zip(*rounds, strict=True), strict=True):
        ratios = sorted(mine / row[0] for mine, row in zip(column, rounds, strict=True))
        print(f"{name:>28}: {statistics.median(column):.2f} s CPU, {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
