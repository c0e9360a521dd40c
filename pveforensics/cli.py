"""The command line: with its siblings cli_* the only module that prints, exits and knows exit codes."""

# Without `from __future__ import annotations` in the modules of commands: typer would evaluate each option's text four times at every start.

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pveforensics import __version__
from pveforensics.cli_bundle import collect, inventory
from pveforensics.cli_outputs import (
    EXIT_PARTIAL,
    Bundles,
    Jobs,
    Progress,
    RuleFolders,
    Timezone,
    Year,
    check_outputs,
    check_zone,
    leave_stdout,
    run_stamp,
    tell,
    write,
    written,
)
from pveforensics.cli_rules import rules_app
from pveforensics.cli_timeline import timeline
from pveforensics.errors import InputError, PveForensicsError, RulePackError, UsageError

if TYPE_CHECKING:
    from pveforensics.model import Case, Event
    from pveforensics.rulepack import RulePack

EXIT_FOUND, EXIT_USAGE, EXIT_NOTHING, EXIT_INTERRUPTED = 1, 2, 3, 130
ARCHIVE_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tzst", ".zip", ".gz", ".bz2", ".xz", ".zst", ".lz4")
_LARGE = 20_000
"""Events from which on a case takes so much memory that the system gets back what of it is free."""

LEVELS = ("info", "low", "medium", "high", "catastrophic")

app = typer.Typer(
    help="Post-mortem of a Proxmox VE cluster from a support bundle: what happened, in which order, why, whom it hit, and what to do.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(rules_app, name="rules")


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
    timeline: Annotated[
        str | None, typer.Option(metavar="FILE", help="The events as .parquet, .csv or .jsonl, by the name's suffix.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Look only from here: RFC 3339, or -2h back from the last log line.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Look only up to here.")] = None,
    timezone: Timezone = None,
    year: Year = None,
    rules: RuleFolders = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Exit 1 if a finding is at or above: " + ", ".join(LEVELS) + ".")
    ] = None,
    jobs: Jobs = None,
    now: Annotated[str | None, typer.Option(metavar="T", help="The run stamp to print; with it, two runs give the same bytes.")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more on stderr.")] = False,
) -> None:
    """Evidence in, post-mortem out: read bundles of logs and write one HTML file for the ticket."""
    from pveforensics import report as reports
    from pveforensics.model import Options
    from pveforensics.pipeline import analyze as run
    from pveforensics.rulepack import load_pack
    from pveforensics.workers import cores

    _check_level(fail_on)
    report = output or default_output(bundles[0])
    check_outputs([report, json, markdown, timeline], bundles)
    write_events = _events_writer(timeline)
    options = Options(since, until, timezone, year, tuple(rules or ()), now=run_stamp(now), jobs=jobs or cores())
    check_zone(timezone)
    pack = load_pack(options.rules, examples=False)
    with Progress(quiet=quiet) as progress:
        case = run(bundles, pack, options, progress=progress)
    gc.freeze()  # no search for cycles goes through it again
    code, events, details = _exit_code(case, fail_on), case.events if timeline else (), tuple(_details(case, pack)) if verbose else ()
    document, size = reports.compose(case), len(case.events)
    del case, pack  # what is drawn is the document: of a large case the rest would be a third of all memory
    _give_back(size)
    story = reports.tell(document)
    write(report, html := reports.page(story))
    if json:
        write(json, reports.dumped(document))
    if markdown:
        write(markdown, reports.markdown(story).encode("utf-8", "backslashreplace"))
    write_events(events)
    if not quiet:
        tell(f"{reports.summary(story)}\nreport: {report}")
    if verbose:
        typer.echo("\n".join((_hash_line(html, report), *details)), err=True)
    raise typer.Exit(code)


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
    from pveforensics import report as reports

    try:
        data = Path(case).read_bytes()
    except OSError as error:
        raise InputError(f"{case}: cannot be read: {error.strerror or error}") from error
    report = output or default_output(case.removesuffix(".json"))
    check_outputs([report, markdown], [case])
    story = reports.tell(reports.load(data, case))
    write(report, reports.page(story))
    if markdown:
        write(markdown, reports.markdown(story).encode("utf-8", "backslashreplace"))
    if not quiet:
        tell(f"{reports.summary(story)}\nreport: {report}")


app.command()(timeline)
app.command()(inventory)
app.command()(collect)


def _events_writer(path: str | None) -> Callable[[Sequence["Event"]], None]:
    """What writes events to a file; arrays and tables load only where one is asked for."""
    if path is None:
        return lambda _: None
    from pveforensics.timeline.files import writer_of
    from pveforensics.timeline.tables import EVENTS, event_batches

    write_rows = writer_of(path)

    def write_events(events: Sequence["Event"]) -> None:
        with written(path) as file:
            write_rows(file, EVENTS, event_batches(events))

    return write_events


def default_output(bundle: str) -> str:
    """`<first bundle's name without its archive suffixes>-postmortem.html` (`b.tar.gz` gives `b-postmortem.html`)."""
    name = "stdin" if bundle == "-" else Path(bundle).resolve().name or "bundle"
    while Path(name).suffix.lower() in ARCHIVE_SUFFIXES:
        name = Path(name).stem
    return f"{name}-postmortem.html"


def _check_level(fail_on: str | None) -> None:
    if fail_on is not None and fail_on not in LEVELS:
        raise UsageError(f"--fail-on {fail_on}: expected one of {', '.join(LEVELS)}")


def _exit_code(case: "Case", fail_on: str | None) -> int:
    if fail_on is not None and any(LEVELS.index(finding.criticality) >= LEVELS.index(fail_on) for finding in case.findings):
        return EXIT_FOUND
    return 0 if case.complete else EXIT_PARTIAL


def _give_back(events: int) -> None:
    """Let the system have what a case of so many events took, if it was large."""
    if events > _LARGE:
        from pveforensics.heap import give_back

        give_back()


def _hash_line(html: bytes, report: str) -> str:
    """In the form of sha256sum, so that whoever gets the report can check it: its own hash cannot stand in it."""
    import hashlib

    return f"{hashlib.sha256(html).hexdigest()}  {report}"


def _details(case: "Case", pack: "RulePack") -> Iterator[str]:
    from pveforensics.events import backend_name, loops_name

    yield (
        f"{len(case.sources)} sources, {sum(source.lines for source in case.sources)} lines, {len(case.events)} events, "
        f"{len(pack.signatures)} signatures, {len(pack.rules)} rules; searched by {backend_name()}, lines by {loops_name()}, "
        f"modules {_form_of_modules()}"
    )
    for skipped in case.not_read:
        yield f"not read: {skipped.path}: {skipped.reason}"
    for note in case.notes:
        yield f"note: {note}"


def _form_of_modules() -> str:
    """What Python runs here of the modules that a wheel holds compiled where that could be done: all of them are, or none."""
    from pveforensics.detect import evaluate

    return "interpreted" if evaluate.__file__.endswith(".py") else "compiled"


# The root of what typer raises for a wrong call; typer brings a click of its own since 0.20, so its name is all that is certain.
_CallError: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def main() -> None:
    """Run the command line; an error is one line on stderr and an exit code, never a traceback."""
    sys.exit(_guarded(lambda: app(standalone_mode=False)))


def _guarded(run: Callable[[], Any]) -> int:
    try:
        code = run()
    except SystemExit as leaving:
        # Typer leaves with 1 where the reader of stdout has left; to a script 1 would mean a finding.
        code = EXIT_INTERRUPTED if isinstance(leaving.__context__, BrokenPipeError) else leaving.code
        return code if isinstance(code, int) else 0
    except _CallError as error:
        return _wrong_call(error)
    except (UsageError, RulePackError) as error:
        return _say(str(error), EXIT_USAGE)
    except InputError as error:
        return _say(str(error), EXIT_NOTHING)
    except PveForensicsError as error:
        return _say(str(error), EXIT_USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        leave_stdout()
        return EXIT_INTERRUPTED
    except OSError as error:
        return _say(f"{error.filename or 'standard output or a temporary file'}: {error.strerror or error}", EXIT_USAGE)
    except Exception as error:  # noqa: BLE001 - the last fence: a bug of ours is told in one line, with its place
        return _say(f"a bug in pveforensics: {_where(error)}: {type(error).__name__}: {error}; please report it with this line", EXIT_USAGE)
    if code == EXIT_INTERRUPTED:  # typer's word for Ctrl-C
        return _say("interrupted", EXIT_INTERRUPTED)
    return code if isinstance(code, int) else 0


def _wrong_call(error: Any) -> int:
    """One line for a wrong call; the help text where no command was given at all."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return EXIT_USAGE
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pveforensics"
    return _say(f"{error.format_message().rstrip('.')}; see: {command} --help", EXIT_USAGE)


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
