"""Where both `pveforensics` and `python -m pveforensics` begin."""

from __future__ import annotations

import sys


def main() -> None:
    """Load the command line and run it; Ctrl-C while it still loads is one line and 130, as later."""
    try:
        from pveforensics import cli  # noqa: PLC0415 - its import is what may be interrupted
    except KeyboardInterrupt:
        sys.stderr.write("pveforensics: interrupted\n")
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
