"""The command line's `timeline`: the merged timeline of all nodes on stdout or in a file."""

import codecs
import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from pveforensics.cli_outputs import (
    EXIT_PARTIAL,
    Bundles,
    Progress,
    RuleFolders,
    Timezone,
    Year,
    check_outputs,
    check_zone,
    leave_stdout,
    written,
)


def timeline(
    bundles: Bundles,
    every_line: Annotated[bool, typer.Option("--all", help="Every line of every log, not only those that are known events.")] = False,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write .parquet, .csv or .jsonl (for Timesketch), not text to stdout."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="Only from here on: RFC 3339, or -2h back from the last log line.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Only up to here.")] = None,
    node: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only of this node (repeatable).")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only events of this kind, such as 'ha_*' (repeatable).")
    ] = None,
    grep: Annotated[str, typer.Option(metavar="REGEX", help="Only where the message matches; (?i) ignores case.", show_default=False)] = "",
    timezone: Timezone = None,
    year: Year = None,
    rules: RuleFolders = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but the timeline and errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say on stderr what was not read.")] = False,
) -> None:
    """Merge what all nodes logged into one timeline on one clock: events, or with --all every line."""
    from pveforensics.model import Options
    from pveforensics.rulepack import load_pack
    from pveforensics.timeline.files import writer_of
    from pveforensics.timeline.stream import Request, open_timeline

    check_outputs([output], bundles)
    check_zone(timezone)
    write_rows = writer_of(output) if output is not None else None
    request = Request(every_line, since, until, tuple(node or ()), tuple(kind or ()), grep)
    options = Options(timezone=timezone, year=year, rules=tuple(rules or ()))
    folder = str(Path(os.path.realpath(output)).parent) if output is not None else None
    with ExitStack() as stack:
        with Progress(quiet=quiet) as progress:
            stream = stack.enter_context(
                open_timeline(bundles, load_pack(options.rules, examples=False), request, options, folder=folder, progress=progress)
            )
        if write_rows is None or output is None:
            from pveforensics.timeline.text import text_lines

            _print(text_lines(stream.batches, stream.nodes, colour=_wants_colour()))
        else:
            with written(output) as file:
                write_rows(file, stream.schema, stream.batches)
    if verbose:
        for skipped in stream.intake.not_read:
            typer.echo(f"not read: {skipped.path}: {skipped.reason}", err=True)
    raise typer.Exit(0 if stream.complete else EXIT_PARTIAL)


def _wants_colour() -> bool:
    """Colour is for people: no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _print(lines: Iterable[memoryview]) -> None:
    """Print lines of UTF-8 to stdout; a reader who has left (`| head`) has seen enough."""
    encoding = codecs.lookup(sys.stdout.encoding or "utf-8").name
    try:
        for some in lines:
            sys.stdout.buffer.write(some if encoding == "utf-8" else bytes(some).decode().encode(encoding, "backslashreplace"))
        sys.stdout.flush()
    except BrokenPipeError:
        leave_stdout()
