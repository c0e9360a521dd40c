"""Selection: which rows of the timeline were asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pveforensics.dating import window
from pveforensics.errors import UsageError
from pveforensics.model import Options
from pveforensics.timebase import Instant
from pveforensics.timeline.arrays import texts
from pveforensics.value import Value

NEVER = (1 << 63) - 1
"""The key of lines that no line of their file gives a place in time: they come last."""


class Selection(Value, frozen=True):
    """Narrows the timeline. Empty parts narrow nothing.

    `since` and `until` are microseconds on the common clock, both included; what has no place in time at all is kept. `nodes` are
    names, `kinds` patterns such as `corosync_*`; `grep` is an RE2 expression that is searched in the message.
    """

    since: int | None = None
    until: int | None = None
    nodes: frozenset[str] = frozenset()
    kinds: tuple[str, ...] = ()
    grep: str = ""
    _kinds: re.Pattern[str] | None = None

    @property
    def narrows(self) -> bool:
        """True if anything but the message is looked at."""
        return self.since is not None or self.until is not None or bool(self.nodes) or bool(self.kinds)

    def has_node(self, node: str) -> bool:
        """True if rows of this node were asked for."""
        return not self.nodes or node.lower() in self.nodes

    def has_kind(self, kind: str) -> bool:
        """True if events of this kind were asked for."""
        return self._kinds is None or self._kinds.fullmatch(kind) is not None

    def has_moment(self, us: int | None) -> bool:
        """True for a moment inside the window, and for none at all."""
        return us is None or ((self.since is None or us >= self.since) and (self.until is None or us <= self.until))

    def may_hold(self, first: int, last: int) -> bool:
        """True if a block with keys from `first` to `last` may hold rows that were asked for."""
        return (self.since is None or last >= self.since) and (self.until is None or first <= self.until or last == NEVER)

    def inside(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """The same for keys of lines."""
        kept = keys >= self.since if self.since is not None else np.ones(len(keys), np.bool_)
        return kept & (keys <= self.until) | (keys == NEVER) if self.until is not None else kept

    def matching(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows whose message holds what was searched for."""
        if not self.grep:
            return batch
        from pyarrow import compute  # noqa: PLC0415 - a twentieth of a second, for what Parquet does not need

        return batch.filter(compute.match_substring_regex(batch.column("message"), self.grep))


def selection(
    options: Options, last: Instant | None, known: Sequence[str], *, nodes: Sequence[str] = (), kinds: Sequence[str] = (), grep: str = ""
) -> Selection:
    """The selection that a call asks for; `last` is the moment of the last log line, `known` are the case's nodes.

    Raises UsageError for a text that is no time, a node that is none of the case's, or a bad expression.
    """
    since, until = window(options, last)
    names = {name.lower() for name in known}
    for node in nodes:
        if node.lower() not in names:
            raise UsageError(f"--node {node}: no such node here; expected one of {', '.join(known) or 'none: no node is known'}")
    check_grep(grep)
    pattern = re.compile("|".join(translate(kind) for kind in kinds)) if kinds else None
    return Selection(
        since.us if since is not None else None,
        until.us if until is not None else None,
        frozenset(node.lower() for node in nodes),
        tuple(kinds),
        grep,
        pattern,
    )


def check_grep(grep: str) -> None:
    """Raise UsageError if it is no expression: known before the long work."""
    if not grep:
        return
    from pyarrow import compute  # noqa: PLC0415 - a twentieth of a second, for what Parquet does not need

    try:
        compute.match_substring_regex(texts([""]), grep)
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        raise UsageError(f"--grep {grep}: {' '.join(str(error).split())}") from error
