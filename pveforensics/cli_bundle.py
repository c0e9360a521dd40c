"""The command line's room for what comes before an analysis: the script that collects, and what a bundle holds."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

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
    run_stamp,
    tell,
    write,
)

if TYPE_CHECKING:
    from pveforensics.inventory import Inventory


def inventory(
    bundles: Bundles,
    json: Annotated[str | None, typer.Option("--json", metavar="FILE", help="The inventory as a document.")] = None,
    timezone: Timezone = None,
    year: Year = None,
    rules: RuleFolders = None,
    now: Annotated[
        str | None, typer.Option(metavar="T", help="The run stamp of the document; with it, two runs give the same bytes.")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Name every file that was read or not read, on stderr.")] = False,
) -> None:
    """Say what a bundle holds: nodes, kinds, spans, gaps, what was not read and why, what to collect next time."""
    from pveforensics.inventory import to_document, to_text
    from pveforensics.model import Options
    from pveforensics.pipeline import inventory as run
    from pveforensics.report import document
    from pveforensics.rulepack import load_pack

    check_outputs([json], bundles)
    check_zone(timezone)
    options = Options(timezone=timezone, year=year, rules=tuple(rules or ()), now=run_stamp(now))
    pack = load_pack(options.rules, examples=False)
    with Progress(quiet=quiet) as progress:
        found = run(bundles, pack, options, progress=progress)
    if json:
        write(json, document.dump(to_document(found)))
    if not quiet:
        tell(to_text(found, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"))
    if verbose:
        _tell_files(found)
    raise typer.Exit(0 if found.complete else EXIT_PARTIAL)


def _tell_files(found: "Inventory") -> None:
    for source in found.sources:
        typer.echo(f"read: {source.path}: {source.kind} of {source.node}, {source.lines} lines", err=True)
    for skipped in found.not_read:
        typer.echo(f"not read: {skipped.path}: {skipped.reason}", err=True)


def collect(
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="The script as a file; default is to print it.", show_default=False)
    ] = None,
) -> None:
    """Print a read-only shell script that gathers one node's evidence into one archive.

    It runs on Proxmox VE 6 to 9 as root, needs nothing, and leaves secrets out:
    pveforensics collect | ssh root@NODE sh -s -- -o - > NODE.tgz
    """
    from pveforensics.collector import script

    if output is None or output == "-":
        tell(script().decode().rstrip("\n"))
        return
    check_outputs([output], [])
    write(output, script())
