"""Compiles modules of the program with mypyc into a folder laid out as a wheel is: python native/compile_modules.py FOLDER."""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

from mypyc.build import mypycify  # isort: skip - asks whether setuptools was loaded

ROOT = Path(__file__).resolve().parent.parent
KNOWN = ROOT / "native" / "types"
"""What is told of libraries whose types decide how a class is compiled."""

COMPILED = (
    "detect/clauses.py",
    "detect/evaluate.py",
    "detect/findings.py",
    "detect/ground.py",
    "detect/index.py",
    "detect/inquiry.py",
    "detect/question.py",
    "detect/run.py",
    "detect/text.py",
    "detect/trial.py",
    "detect/where.py",
    "detect/windows.py",
    "incidents/__init__.py",
    "incidents/groups.py",
    "incidents/impact.py",
    "incidents/leads.py",
    "incidents/links.py",
    "incidents/recurrence.py",
    "incidents/story.py",
)
"""Modules in which compiling saves what can be measured; docs/decisions/0014-compiled-python.md says why no others."""

LIBRARY = "pveforensics.compiled"
"""The one that holds the code of all; mypyc adds `__mypyc` to the name."""

# A build needs no more than mypy itself: types of libraries are unknown to it. `make types` asks whether all types hold.
TYPES = ("--config-file=", "--ignore-missing-imports", "--no-site-packages", "--follow-imports=silent", "--cache-dir=/dev/null")
OPTIMIZATION = "2"  # with 3 nothing is faster
NO_WARNINGS = "-w"  # of generated code


class _InParallel(build_ext):
    """Compiles the files of one library side by side, which setuptools does one after the other."""

    def build_extension(self, extension: Extension) -> None:
        """Compile and link one library."""
        folders = [*extension.include_dirs, *self.include_dirs]

        def compiled(source: str) -> list[str]:
            options = [*extension.extra_compile_args, NO_WARNINGS]
            return self.compiler.compile([source], output_dir=self.build_temp, include_dirs=folders, extra_postargs=options)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [each for made in pool.map(compiled, extension.sources) for each in made]
        self.compiler.link_shared_object(objects, self.get_ext_fullpath(extension.name))


def compile_into(folder: Path) -> None:
    """Compile all of them: one library with their code, and for each a small one beside its source that hands it out."""
    with tempfile.TemporaryDirectory() as work:
        os.environ["MYPYPATH"] = str(KNOWN)
        os.chdir(work)  # where no settings of the project are found that speak to other tools
        extensions = mypycify(
            [*TYPES, *(str(ROOT / "pveforensics" / name) for name in COMPILED)],
            opt_level=OPTIMIZATION,
            debug_level="0",
            multi_file=True,
            target_dir=work,
            group_name=LIBRARY,
        )
        for extension in extensions:
            extension.include_dirs.append(f"{work}/{LIBRARY.partition('.')[0]}")  # where mypyc writes the headers of a library in a package
        setup(
            name="pveforensics",
            packages=[],
            ext_modules=extensions,
            cmdclass={"build_ext": _InParallel},
            script_args=["--quiet", "build_ext", f"--build-lib={folder}", f"--build-temp={work}"],
        )


if __name__ == "__main__":
    compile_into(Path(sys.argv[1]).resolve())
