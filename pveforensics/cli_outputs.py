"""What commands share: arguments, options that are looked at early, outputs that are written whole or not at all, progress."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Self

import typer

from pveforensics.errors import UsageError

EXIT_PARTIAL = 4
"""Done, but a member was damaged, hit a limit, or was unsafe."""

Bundles = Annotated[
    list[str],
    typer.Argument(metavar="BUNDLE", help="An archive, a folder or one file; '-' reads an archive from stdin.", show_default=False),
]
Timezone = Annotated[str | None, typer.Option(metavar="NAME", help="Zone of stamps that carry none, where the bundle does not tell.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", metavar="N", min=1, max=256, help="Worker processes for long files; default: the machine's cores.")
]
Year = Annotated[
    int | None, typer.Option(metavar="N", min=1990, max=2200, help="Year of the newest stamp without one, where nothing tells.")
]
RuleFolders = Annotated[list[str] | None, typer.Option("--rules", metavar="DIR", help="One more rule pack (repeatable).")]


def run_stamp(now: str | None) -> str:
    """The stamp of this run in the case document's form: what `--now` says, else the clock. Raises UsageError."""
    if now is None:
        return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    try:
        moment = datetime.datetime.fromisoformat(now)
    except ValueError as error:
        raise UsageError(f"--now {now}: expected a time such as 2026-11-22T09:00:00Z") from error
    moment = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def check_zone(name: str | None) -> None:
    """Raise UsageError for a `--timezone` that there is not."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        if name is not None:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"--timezone {name}: no such time zone; expected a name such as Europe/Berlin") from error


def check_outputs(outputs: Sequence[str | None], inputs: Sequence[str]) -> None:
    """Say before the long work what cannot be written after it. Raises UsageError."""
    seen = {os.path.realpath(path): path for path in inputs if path != "-"}
    for path in filter(None, outputs):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise UsageError(f"{path}: cannot be written: is a folder; give the name of a file")
        if not target.parent.is_dir() and not Path(path).exists():
            raise UsageError(f"{path}: cannot be written: there is no folder {target.parent}")
        if _is_special(path):
            continue
        if not os.access(target.parent, os.W_OK):
            raise UsageError(f"{path}: cannot be written: no permission to write in {target.parent}")
        if str(target) in seen:
            raise UsageError(f"{path}: would overwrite {seen[str(target)]}; give each output a name of its own")
        seen[str(target)] = path


def _is_special(path: str) -> bool:
    """Whether it is a pipe, a device or the like: written into, never replaced (a root user would lose /dev/null)."""
    return Path(path).exists() and not Path(path).is_file()


def write(path: str, data: bytes | Iterable[bytes]) -> None:
    """Write a whole file or nothing: to a temporary name beside it first, readable by its owner alone."""
    with written(path) as file:
        file.writelines([data] if isinstance(data, bytes) else data)


@contextmanager
def written(path: str) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of the one at `path` once all is written. Raises UsageError where that fails."""
    import tempfile

    try:
        if _is_special(path):
            with Path(path).open("wb") as file:
                yield file
            return
        target = Path(os.path.realpath(path))
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def tell(text: str) -> None:
    """Print to stdout; a reader who has left (`| head`) is no error: the outputs are written, and the exit code speaks for them."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        leave_stdout()


def leave_stdout() -> None:
    """Let nothing more be written to a stdout whose reader has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Progress:
    """Names the file being read, on one line of a terminal; silent anywhere else."""

    def __init__(self, *, quiet: bool) -> None:
        self._live = not quiet and sys.stderr.isatty()
        self._shown = False

    def __call__(self, text: str) -> None:
        """Show this text in place of the last one."""
        if self._live:
            printable = "".join(char if char.isprintable() else "?" for char in text)
            sys.stderr.write(f"\r\x1b[K{printable[:78]}")
            sys.stderr.flush()
            self._shown = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line, also before an error is told."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
