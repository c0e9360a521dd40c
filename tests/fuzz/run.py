"""The fuzzer: feeds each target for its share of the time, and stops with an error at the first input that breaks a promise.

    python tests/fuzz/run.py [--seconds 600] [--memory 700] [TARGET...]

Needs atheris (requirements-fuzz.txt; Linux). What breaks a target is kept in fuzz-findings/TARGET/, to become a small regression test;
what taught the fuzzer something is kept in fuzz-corpus/TARGET/ for the next run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LONGEST = {"journal": 32_768, "lines": 4_096, "archive": 16_384, "tar": 16_384, "file": 4_096}
"""Bytes of an input; longer ones teach nothing that shorter ones do not."""

HANGS_AFTER = 25
"""Seconds; instrumented code is some ten times slower."""


SLICE = 15
"""Seconds of one process. What it learned lies in the corpus for the next one; atheris itself takes 14 KB more with each run of some targets,
which lose nothing when they are run without it."""


def feed(target: str, seconds: int, memory: int) -> None:
    """Fuzz one target in this process; atheris leaves by itself."""
    import atheris

    with atheris.instrument_imports(include=["pveforensics"], enable_loader_override=False):
        sys.path.insert(0, str(HERE))
        import targets
    corpus, findings = Path("fuzz-corpus", target), Path("fuzz-findings", target)
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.seeds(target)):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}", f"-rss_limit_mb={memory}", f"-timeout={HANGS_AFTER}", f"-max_len={LONGEST[target]}", "-print_final_stats=1",
        f"-artifact_prefix={findings}/", "-verbosity=1", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[target])
    atheris.Fuzz()


def _slices(seconds: int) -> list[int]:
    """The time of one target in the times of its processes."""
    return [SLICE] * (seconds // SLICE) + ([seconds % SLICE] if seconds % SLICE else [])


def main() -> int:
    """Feed the targets one after the other, each in a process of its own; 1 if one of them was broken."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("targets", nargs="*", choices=[[], *LONGEST], help="default: all")
    ask.add_argument("--seconds", type=int, default=600, help="in all")
    ask.add_argument("--memory", type=int, default=700, help="MiB that a process may take, the fuzzer's own included")
    ask.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = ask.parse_args()
    chosen = args.targets or list(LONGEST)
    if args.alone:
        feed(chosen[0], args.seconds, args.memory)
        return 0
    broken = []
    for target in chosen:
        print(f"== {target}", flush=True)
        for seconds in _slices(args.seconds // len(chosen)):
            options = ["--alone", target, "--seconds", str(seconds), "--memory", str(args.memory)]
            if subprocess.run([sys.executable, "-P", __file__, *options], check=False).returncode:
                broken.append(target)
                break
    print("broken: " + ", ".join(broken) if broken else f"{', '.join(chosen)}: every promise held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
