"""Compiles what a wheel holds beside Python: the inner loops over lines (native/*.c), and modules of the program (native/compile_modules.py).

Without a C compiler the wheel is pure: the scan uses numpy and Python is interpreted, which tells the same, more slowly.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
SOURCES = sorted((ROOT / "native").glob("*.c"))
LIBRARY = ROOT / "pveforensics" / "events" / "scan" / "_lines.so"
FLAGS = ("-O2", "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
MODULES = ROOT / "native" / "compile_modules.py"
COMPILER_OF_MODULES = "mypy[mypyc]>=2.4,<2.5"
"""Newer ones after the tests have run with what they compile."""
INTERPRETED = "PVEFORENSICS_INTERPRETED"
"""Environment variable; if it is set, no module is compiled."""
KEPT = Path(os.environ.get("PVEFORENSICS_MODULES") or ROOT / "build" / "modules")
"""Folder of the modules that were compiled last, since a wheel is made more often than sources change."""


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
    made = subprocess.run([command, *FLAGS, "-o", str(fresh), *map(str, SOURCES)], capture_output=True, text=True, check=False)
    if made.returncode:
        print(f"{command} failed, so the scan will use numpy, which takes longer:\n{made.stderr}", file=sys.stderr)
        fresh.unlink(missing_ok=True)
        return False
    fresh.replace(target)
    return True


def platform_tag() -> str:
    """Any Python 3 of this platform: the library knows nothing of Python."""
    return "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")


def interpreter_tag() -> str:
    """This Python alone, on this platform: mypyc's code is compiled against its headers."""
    from packaging.tags import sys_tags  # noqa: PLC0415 - comes with hatchling

    mine = next(sys_tags())
    return f"{mine.interpreter}-{mine.abi}-{platform_tag().rpartition('-')[2]}"


def compile_modules(kept: Path = KEPT) -> Path | None:
    """The folder of the compiled modules, laid out as in the wheel; None, and a word on stderr, where there are none.

    It is the one that an earlier build left, if nothing changed; a folder that cannot be kept in the checkout is a temporary one.
    """
    lacks = what_modules_lack() or _no_mypy()
    if lacks:
        print(f"{lacks}: Python will be interpreted, which takes longer", file=sys.stderr)
        return None
    folder = kept / _fingerprint()
    if folder.is_dir():
        return folder
    try:
        kept.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=kept))
    except OSError:
        folder = fresh = Path(tempfile.mkdtemp())
    made = subprocess.run([sys.executable, str(MODULES), str(fresh)], capture_output=True, text=True, check=False)
    if made.returncode:
        print(f"mypyc failed, so Python will be interpreted, which takes longer:\n{made.stdout}{made.stderr}", file=sys.stderr)
        shutil.rmtree(fresh, ignore_errors=True)
        return None
    if folder != fresh:
        for older in set(kept.iterdir()) - {fresh}:
            shutil.rmtree(older, ignore_errors=True)
    return fresh.rename(folder)


def what_modules_lack() -> str:
    """Why no module can be compiled on this machine; empty if they can."""
    if os.environ.get(INTERPRETED):
        return f"{INTERPRETED} is set"
    if sys.implementation.name != "cpython":
        return "not CPython"
    if os.name != "posix" or compiler() is None:
        return "no C compiler here"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "no Python.h here (Debian: python3-dev)"
    return ""


def _no_mypy() -> str:
    return "" if importlib.util.find_spec("mypyc") and importlib.util.find_spec("setuptools") else "no mypy[mypyc] here"


def _fingerprint() -> str:
    """Of all that compiled modules depend on; types of one module decide how another is compiled."""
    digest = hashlib.sha256()
    for file in (MODULES, *sorted(MODULES.parent.rglob("*.pyi")), *sorted((ROOT / "pveforensics").rglob("*.py"))):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\0")
    for word in (
        sys.version,
        sysconfig.get_config_var("EXT_SUFFIX"),
        metadata.version("mypy"),
        os.environ.get("CC"),
        os.environ.get("CFLAGS"),
    ):
        digest.update(f"{word}\0".encode())
    return digest.hexdigest()[:16]


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # `make native` compiles for a checkout without it
    pass
else:

    class CompiledParts(BuildHookInterface[Any]):
        """Puts what was compiled into the wheel, which then belongs to one platform, and with modules in it to one Python."""

        def dependencies(self) -> list[str]:
            """Mypy is asked for only where it can be of use: a build without network and compiler does without."""
            return [] if what_modules_lack() else [COMPILER_OF_MODULES]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Compile before the files are gathered; an editable install runs the checkout, where Python stays interpreted."""
            if compile_library():
                build_data["artifacts"].append(str(LIBRARY.relative_to(ROOT)))
                build_data["pure_python"] = False
                build_data["tag"] = platform_tag()
            self._modules = compile_modules() if version != "editable" else None
            if self._modules:
                files = (file for file in sorted(self._modules.rglob("*")) if file.is_file())
                build_data["force_include"] |= {str(file): str(file.relative_to(self._modules)) for file in files}
                build_data["pure_python"] = False
                build_data["tag"] = interpreter_tag()

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's signature
            """Remove what could not be kept."""
            if self._modules and self._modules.parent != KEPT:
                shutil.rmtree(self._modules, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(not compile_library())
