"""The hyperscan back-end: all literals at once, at more than a gigabyte a second."""

from __future__ import annotations

import hashlib
import platform
import threading
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from pveforensics import cache
from pveforensics.events.anchors import expression
from pveforensics.events.scan import cpu
from pveforensics.events.scan.matcher import CODE_BITS, LITERAL
from pveforensics.events.scan.nesting import Nesting, outer_literals

_WORTH_KEEPING = 100
"""Literals from which on a compiled database is kept."""

_SHORT = 2
_QUICKENER = rb"\x00\x01"
"""Two bytes that no log holds, searched without a word where no literal is that short: among hundreds of literals one of two bytes makes
hyperscan go on by single bytes, which takes half the time of the larger steps that it chooses else."""


class HyperscanMatcher:
    """Literals compiled to one database; the compiled form is kept in the user's cache folder."""

    name = "hyperscan"

    def __init__(self, literals: Sequence[bytes]) -> None:
        """Compile or load. Raises ImportError where hyperscan is missing or would not run, and its own errors for what it refuses."""
        if not cpu.runs_hyperscan():
            raise ImportError("this processor lacks what hyperscan needs")
        import hyperscan  # noqa: PLC0415 - on another processor the import itself may crash

        self._literals = tuple(literals)
        outers = outer_literals(literals)
        self._nesting = Nesting(outers, len(literals))
        left_out = {outer.number for some in outers.values() for outer in some}
        self._searched = [(index, literal) for index, literal in enumerate(literals) if index not in left_out]
        self._quicken = len(self._searched) >= _WORTH_KEEPING and all(len(literal) > _SHORT for _, literal in self._searched)
        self._engine: Any = hyperscan
        self._database = self._load() or self._compile()
        self._local = threading.local()

    def __reduce__(self) -> tuple[type[HyperscanMatcher], tuple[tuple[bytes, ...]]]:
        return type(self), (self._literals,)

    def hits(self, buffer: bytes) -> list[tuple[int, int]]:
        """Every occurrence, sorted by offset."""
        return [(code & LITERAL, code >> CODE_BITS) for code in sorted(self.codes(buffer))]

    def codes(self, buffer: bytes) -> array[int]:
        """Every occurrence as one number."""
        pairs: list[int] = []

        def report(index: int, _start: int, end: int, _flags: int, _context: None) -> None:
            # a list's own append costs the interpreter next to nothing: whatever else is done here is done half a million times
            pairs.append(end)
            pairs.append(index)

        self._scan(buffer, report)
        return self._nesting.codes(buffer, pairs)

    def _scan(self, buffer: bytes, report: Callable[..., None]) -> None:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:  # a scratch space serves one thread
            scratch = self._local.scratch = self._engine.Scratch(self._database)
        self._database.scan(buffer, match_event_handler=report, scratch=scratch)

    def _compile(self) -> Any:
        engine = self._engine
        database = engine.Database(mode=engine.HS_MODE_BLOCK)
        # expressions are no slower than literals, and digits can be asked for
        wanted = [(expression(literal).pattern, index, 0) for index, literal in self._searched]
        if self._quicken:
            wanted.append((_QUICKENER, len(self._literals), engine.HS_FLAG_QUIET))
        database.compile(
            expressions=[each[0] for each in wanted],
            ids=[each[1] for each in wanted],
            elements=len(wanted),
            flags=[each[2] for each in wanted],
        )
        if len(self._searched) >= _WORTH_KEEPING:
            cache.keep("literals", self._key(), engine.dumpb(database))
        return database

    def _load(self) -> Any:
        kept = cache.load("literals", self._key()) if len(self._literals) >= _WORTH_KEEPING else None
        if kept is None:
            return None
        try:
            return self._engine.loadb(kept, self._engine.HS_MODE_BLOCK)
        except Exception:  # noqa: BLE001 - whatever it dislikes about the kept form, it can be compiled again
            return None

    def _key(self) -> str:
        """A compiled database belongs to one version, one family of processors and one set of literals."""
        literals = hashlib.sha256(b"\0".join(b"%d:%d:%s" % (index, len(text), text) for index, text in self._searched)).hexdigest()
        quickener = repr(_QUICKENER) if self._quicken else ""
        return "\n".join((self._engine.__version__, platform.machine(), " ".join(sorted(cpu.flags())), literals, quickener))
