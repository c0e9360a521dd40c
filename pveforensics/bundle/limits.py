"""How much of a hostile or broken input is read before the rest of it is only listed."""

from __future__ import annotations

from msgspec import Struct

from pveforensics.value import Value

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Limits(Value, frozen=True):
    """Bounds on one run. Sizes are in bytes; each bound that is hit leaves a `NotRead` that names it.

    `depth` counts archives inside archives (and compressions around one another), `members` all entries of all inputs,
    `total` all bytes that decompression made, `member` the bytes of one file. `ratio` (bytes out for a byte in) is
    looked at only once a stream has given `ratio_from` bytes: preallocated journals and sparse files are honest zeros.
    """

    depth: int = 5
    members: int = 200_000
    total: int = 64 * GIB
    member: int = 8 * GIB
    ratio: int = 2000
    ratio_from: int = 100 * MIB
    name: int = 4096
    pax: int = MIB
    xz_memory: int = 256 * MIB
    sparse_extents: int = 100_000
    notes: int = 10_000


def spelled(size: int) -> str:
    """A size for a sentence: `8 GiB`, `1.5 MiB`, `512 bytes`."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size} bytes"


class Budget(Struct):
    """What a run has used of its limits. `exhausted` names the limit that ended the reading, or is empty."""

    limits: Limits
    expanded: int = 0
    members: int = 0
    exhausted: str = ""

    def spend(self, size: int) -> str:
        """Count bytes that decompression made; the reason to stop, or an empty string."""
        self.expanded += size
        if not self.exhausted and self.expanded > self.limits.total:
            self.exhausted = f"limit: more than {spelled(self.limits.total)} unpacked in total; the rest was not read"
        return self.exhausted

    def enter(self) -> str:
        """Count one entry of an archive or folder; the reason to stop, or an empty string."""
        self.members += 1
        if not self.exhausted and self.members > self.limits.members:
            self.exhausted = f"limit: more than {self.limits.members:,} members; the rest was not read"
        return self.exhausted


class Meter(Struct):
    """How much a stream grew on its way out of all compressions around it."""

    budget: Budget
    outer: Meter | None = None
    out: int = 0
    ratio: float = 1.0

    def add(self, size: int, consumed: int) -> str:
        """Count `size` more bytes out, when `consumed` bytes went in so far; the reason to stop, or an empty string."""
        limits = self.budget.limits
        self.out += size
        self.ratio = self.out / max(consumed, 1) * (self.outer.ratio if self.outer else 1.0)
        if self.out > limits.ratio_from and self.ratio > limits.ratio:
            return f"limit: grows more than {limits.ratio:,}-fold when unpacked; the rest was not read"
        return self.budget.spend(size)
