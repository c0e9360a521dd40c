"""Where both `pveforensics` and `python -m pveforensics` begin."""

from __future__ import annotations

import gc
import os
import signal

_YOUNG = 1_000_000
"""Objects made between two searches for cycles: what a gigabyte of logs leaves, nearly all of which stays and has none."""


def main() -> None:
    """Load the command line and run it; Ctrl-C while it still loads is one line and 130, as later."""
    gc.set_threshold(_YOUNG, 20, 50)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start a thread a core for products of matrices that nobody asks for
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # else our parent wants it ignored
        signal.signal(signal.SIGINT, _leave)
    from pveforensics import cli  # noqa: PLC0415 - its import is what may be interrupted

    signal.signal(signal.SIGINT, usual)
    try:
        cli.main()
    finally:
        gc.freeze()  # the process ends: what is left goes with it, unsearched


def _leave(*_: object) -> None:
    """Leave at once: an exception would be lost in some corners of Python's import machinery."""
    os.write(2, b"pveforensics: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
