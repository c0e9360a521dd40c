"""Compiles the inner loops of the scan (native/lines.c) for the wheel; without a compiler the wheel is pure and the scan uses numpy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
SOURCE = ROOT / "native" / "lines.c"
LIBRARY = ROOT / "pveforensics" / "events" / "scan" / "_lines.so"
FLAGS = ("-O2", "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")


def compiler() -> str | None:
    """The C compiler of this machine: $CC, or one of the usual names."""
    named = os.environ.get("CC")
    return next((found for name in ([named] if named else ["cc", "gcc", "clang"]) if (found := shutil.which(name))), None)


def compile_library(target: Path = LIBRARY) -> bool:
    """Compile to a name beside the target first, so that a running program keeps its own; false, and a word on stderr, where that fails."""
    try:
        target.unlink(missing_ok=True)  # one of an older source must not stay
    except OSError as error:
        print(
            f"nothing can be compiled into {target.parent} ({error.strerror}): the scan will use numpy, which takes longer", file=sys.stderr
        )
        return False
    command = compiler()
    if command is None or os.name != "posix":
        print("no C compiler here: the scan will use numpy, which takes longer", file=sys.stderr)
        return False
    fresh = target.with_suffix(".new")
    made = subprocess.run([command, *FLAGS, "-o", str(fresh), str(SOURCE)], capture_output=True, text=True, check=False)
    if made.returncode:
        print(f"{command} failed, so the scan will use numpy, which takes longer:\n{made.stderr}", file=sys.stderr)
        fresh.unlink(missing_ok=True)
        return False
    fresh.replace(target)
    return True


def platform_tag() -> str:
    """Any Python 3 of this platform: the library knows nothing of Python."""
    return "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # `make native` compiles for a checkout without it
    pass
else:

    class CompiledLines(BuildHookInterface[Any]):
        """Puts the library into the wheel, which then belongs to one platform."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
            """Compile before the files are gathered."""
            if compile_library():
                build_data["artifacts"].append(str(LIBRARY.relative_to(ROOT)))
                build_data["pure_python"] = False
                build_data["tag"] = platform_tag()


if __name__ == "__main__":
    sys.exit(not compile_library())
