"""The command line's room for what comes before an analysis: the script that collects, and what a bundle holds."""

from __future__ import annotations

from typing import Annotated

import typer

from pveforensics.cli_outputs import check_outputs, tell, write


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
