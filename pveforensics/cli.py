"""The command line: with cli_rules the only module that prints, exits and knows exit codes."""

from __future__ import annotations

import datetime
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pveforensics import __version__
from pveforensics.cli_rules import rules_app
from pveforensics.errors import InputError, PveForensicsError, RulePackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pveforensics.model import Case
    from pveforensics.rulepack import RulePack

EXIT_FOUND, EXIT_USAGE, EXIT_NOTHING, EXIT_PARTIAL, EXIT_INTERRUPTED = 1, 2, 3, 4, 130
ARCHIVE_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tzst", ".zip", ".gz", ".bz2", ".xz", ".zst", ".lz4")
LEVELS = ("info", "low", "medium", "high", "catastrophic")

app = typer.Typer(
    help="Post-mortem of a Proxmox VE cluster from a support bundle: what happened, in which order, why, whom it hit, and what to do.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(rules_app, name="rules")

Bundles = Annotated[
    list[str],
    typer.Argument(metavar="BUNDLE...", help="An archive, a folder or one file; '-' reads an archive from stdin.", show_default=False),
]
RuleFolders = Annotated[list[str] | None, typer.Option("--rules", metavar="DIR", help="One more rule pack (repeatable).")]


def _version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _root(
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Name, version and rule pack hash.")
    ] = False,
) -> None:
    """Exist for --version alone; the help text is the program's."""


@app.command()
def version() -> None:
    """Print name, version and rule pack hash."""
    from pveforensics.resources import content_hash, rules_folder

    typer.echo(f"pveforensics {__version__} (rules {content_hash([rules_folder()])[:16]})")


@app.command()
def analyze(
    bundles: Bundles,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="The HTML report; default <bundle>-postmortem.html.")
    ] = None,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="The case document.")] = None,
    markdown: Annotated[
        str | None, typer.Option("--markdown", metavar="FILE", help="The ticket summary, at most 4,000 characters.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Look only from here: RFC 3339, or -2h back from the last log line.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Look only up to here.")] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="NAME", help="Zone of stamps that carry none, where the bundle does not tell.")
    ] = None,
    year: Annotated[
        int | None, typer.Option(metavar="N", min=1990, max=2200, help="Year of the newest stamp without one, where nothing tells.")
    ] = None,
    rules: RuleFolders = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Exit 1 if a finding is at or above: " + ", ".join(LEVELS) + ".")
    ] = None,
    now: Annotated[str | None, typer.Option(metavar="T", help="The run stamp to print; with it, two runs give the same bytes.")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more on stderr.")] = False,
) -> None:
    """Evidence in, post-mortem out: read bundles of logs and write one HTML file for the ticket."""
    from pveforensics.model import Options
    from pveforensics.pipeline import analyze as run
    from pveforensics.report import document, render, summary
    from pveforensics.report import markdown as markdown_of
    from pveforensics.rulepack import load_pack

    if fail_on is not None and fail_on not in LEVELS:
        raise UsageError(f"--fail-on {fail_on}: expected one of {', '.join(LEVELS)}")
    options = Options(since=since, until=until, timezone=timezone, year=year, rules=tuple(rules or ()), now=_run_stamp(now))
    _check_zone(timezone)
    pack = load_pack(options.rules)
    progress = _Progress(quiet=quiet)
    case = run(bundles, pack, options, progress=progress)
    progress.done()
    drawn = document.to_document(case)
    report = output or default_output(bundles[0])
    _write(report, render(drawn).encode("utf-8", "backslashreplace"))
    if json:
        _write(json, document.dump(drawn))
    if markdown:
        _write(markdown, markdown_of(drawn).encode("utf-8", "backslashreplace"))
    if not quiet:
        typer.echo(summary(drawn))
        typer.echo(f"report: {report}")
    if verbose:
        _tell_details(case, pack)
    raise typer.Exit(_exit_code(case, fail_on))


@app.command()
def render(
    case: Annotated[str, typer.Argument(metavar="CASE.json", help="A case document written by analyze --json.", show_default=False)],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="The HTML report; default <case>-postmortem.html.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option("--markdown", metavar="FILE", help="The ticket summary, at most 4,000 characters.")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Draw the report again from the case document, without the bundle."""
    from pveforensics.report import document, summary
    from pveforensics.report import markdown as markdown_of
    from pveforensics.report import render as draw

    try:
        data = Path(case).read_bytes()
    except OSError as error:
        raise InputError(f"{case}: cannot be read: {error.strerror or error}") from error
    drawn = document.load(data, case)
    report = output or default_output(case.removesuffix(".json"))
    _write(report, draw(drawn).encode("utf-8", "backslashreplace"))
    if markdown:
        _write(markdown, markdown_of(drawn).encode("utf-8", "backslashreplace"))
    if not quiet:
        typer.echo(summary(drawn))
        typer.echo(f"report: {report}")


def default_output(bundle: str) -> str:
    """`<first bundle's name without its archive suffixes>-postmortem.html` (`b.tar.gz` gives `b-postmortem.html`)."""
    name = "stdin" if bundle == "-" else Path(bundle).resolve().name or "bundle"
    while Path(name).suffix.lower() in ARCHIVE_SUFFIXES:
        name = Path(name).stem
    return f"{name}-postmortem.html"


def _run_stamp(now: str | None) -> str:
    if now is None:
        return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    try:
        moment = datetime.datetime.fromisoformat(now)
    except ValueError as error:
        raise UsageError(f"--now {now}: expected a time such as 2026-11-22T09:00:00Z") from error
    moment = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _check_zone(name: str | None) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        if name is not None:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"--timezone {name}: no such time zone; expected a name such as Europe/Berlin") from error


def _exit_code(case: Case, fail_on: str | None) -> int:
    if fail_on is not None and any(LEVELS.index(finding.criticality) >= LEVELS.index(fail_on) for finding in case.findings):
        return EXIT_FOUND
    return 0 if case.complete else EXIT_PARTIAL


def _write(path: str, data: bytes) -> None:
    """Write a whole file or nothing: to a temporary name beside it first, readable by its owner alone."""
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def _tell_details(case: Case, pack: RulePack) -> None:
    typer.echo(
        f"{len(case.sources)} sources, {sum(source.lines for source in case.sources)} lines, {len(case.events)} events, "
        f"{len(pack.signatures)} signatures, {len(pack.rules)} rules",
        err=True,
    )
    for skipped in case.not_read:
        typer.echo(f"not read: {skipped.path}: {skipped.reason}", err=True)
    for note in case.notes:
        typer.echo(f"note: {note}", err=True)


class _Progress:
    """Names the file being read, on one line of a terminal; silent anywhere else."""

    def __init__(self, *, quiet: bool) -> None:
        self._live = not quiet and sys.stderr.isatty()
        self._shown = False

    def __call__(self, text: str) -> None:
        if self._live:
            printable = "".join(char if char.isprintable() else "?" for char in text)
            sys.stderr.write(f"\r\x1b[K{printable[:78]}")
            sys.stderr.flush()
            self._shown = True

    def done(self) -> None:
        """Clear the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def main() -> None:
    """Run the command line; an error is one line on stderr and an exit code, never a traceback."""
    sys.exit(_guarded(lambda: app(standalone_mode=True)))


def _guarded(run: Callable[[], Any]) -> int:
    try:
        run()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except (UsageError, RulePackError) as error:
        return _say(str(error), EXIT_USAGE)
    except InputError as error:
        return _say(str(error), EXIT_NOTHING)
    except PveForensicsError as error:
        return _say(str(error), EXIT_USAGE)
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last fence: a bug of ours is told in one line, with its place
        return _say(f"a bug in pveforensics: {_where(error)}: {type(error).__name__}: {error}; please report it with this line", EXIT_USAGE)
    return 0


def _where(error: BaseException) -> str:
    """The innermost place of our own code in an error's traceback."""
    place, trace = "?", error.__traceback__
    while trace:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("pveforensics"):
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _say(text: str, code: int) -> int:
    line = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    sys.stderr.write("pveforensics: " + "".join(char if char.isprintable() else "?" for char in line) + "\n")
    return code
