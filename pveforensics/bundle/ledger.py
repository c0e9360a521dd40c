"""What one run over the inputs noted: members not read, names already given, limits used."""

from __future__ import annotations

from pveforensics.bundle.limits import Budget, Limits
from pveforensics.bundle.names import shown
from pveforensics.bundle.stream import Fault
from pveforensics.model import NotRead


class Ledger:
    """The memory of one run; every part of the reader writes into the same one. `by_thread` allows a thread that unpacks ahead."""

    def __init__(self, limits: Limits, *, by_thread: bool = False) -> None:
        """Nothing is noted and nothing used up yet."""
        self.limits = limits
        self.by_thread = by_thread
        self.not_read: list[NotRead] = []
        self.paths: dict[str, int] = {}
        self.budget = Budget(limits)

    def note(self, path: str, reason: str, *, damage: bool = True) -> None:
        """List a member as not read, or not to its end. The list itself has a limit, and says when it is reached."""
        if len(self.not_read) < self.limits.notes:
            self.not_read.append(NotRead(shown(path) if len(path) > self.limits.name else path, reason, damage))
        elif len(self.not_read) == self.limits.notes:
            self.not_read.append(
                NotRead(shown(path), f"limit: more than {self.limits.notes:,} members not read; further ones are not listed")
            )

    def faults(self, path: str, faults: list[Fault]) -> None:
        """Note the faults of one member: of several damages the first, which caused the others."""
        damaged = False
        for fault in faults:
            if not (fault.damage and damaged):
                self.note(path, fault.reason, damage=fault.damage)
            damaged = damaged or fault.damage

    def unique(self, path: str) -> str:
        """The path, or `path#2` if an earlier member has it; both are kept and the second is noted."""
        seen = self.paths.get(path, 0) + 1
        self.paths[path] = seen
        if seen == 1:
            return path
        changed = f"{path}#{seen}"
        self.paths.setdefault(changed, 1)
        self.note(changed, f"note: the bundle holds another member named {shown(path)}; both were read", damage=False)
        return changed
