"""Line and Format: what every reader of one line gives, and how it is described."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pveforensics.lazyregex import regex
from pveforensics.readings import Stamp
from pveforensics.value import Value


class Line(Value, frozen=True):
    """One line taken apart. `message_offset` is where `message` begins in the text that was given."""

    stamp: Stamp | None
    host: str
    program: str
    pid: str
    message: str
    message_offset: int
    uptime_us: int | None = None


# `journalctl -o with-unit` prints the unit where the program's name stands in other forms.
_UNITS = {
    "init.scope": "systemd",
    "pve-cluster": "pmxcfs",
    "systemd-logind": "systemd-logind",
    "cron": "CRON",
    "rsyslog": "rsyslogd",
    "ssh": "sshd",
    "chrony": "chronyd",
}
_UNIT = regex(r"^(.+?)(?:@[^.]*)?\.(?:service|scope|socket)$")
_KERNEL_UPTIME = regex(r"\[ *(\d{1,9})\.(\d{6})\] ?")


def program_name(written: str) -> str:
    """The program that a tag, a path or a unit's name stands for."""
    if written.startswith("/"):
        written = written.rpartition("/")[2]
    if "." in written and (unit := _UNIT.match(written)):
        return _UNITS.get(written) or _UNITS.get(unit[1]) or unit[1]
    return written


def uptime_before(message: str) -> tuple[int | None, int]:
    """Microseconds of the `[uptime]` that a kernel message begins with, and its length; None and 0 if it has none."""
    if message.startswith("[") and (prefix := _KERNEL_UPTIME.match(message)):
        return int(prefix[1]) * 1_000_000 + int(prefix[2]), prefix.end()
    return None, 0


class Format(Value, frozen=True):
    """A shape of log line. `pattern` has the groups stamp, host, prog, pid and msg; `decode` reads the stamp's text.

    A weak format is a guess that only lines refused by all strict formats are tried on. `program` stands for lines whose shape
    alone says who wrote them. `kind` is the word for the file in SourceInfo.
    """

    name: str
    kind: str
    pattern: re.Pattern[str]
    decode: Callable[[str], Stamp | None] | None
    weight: float = 1.0
    weak: bool = False
    program: str = ""

    def parse(self, text: str) -> Line | None:
        """The line taken apart, or None if it has another shape or states an impossible time."""
        found = self.pattern.match(text)
        if found is None:
            return None
        written, host, program, pid, message = found.group("stamp", "host", "prog", "pid", "msg")
        stamp = None
        if self.decode is not None:
            stamp = self.decode(written)
            if stamp is None:
                return None
        offset = found.start("msg")
        program = program_name(program) if program else self.program
        uptime = None
        if program == "kernel":
            uptime, skipped = uptime_before(message)
            offset += skipped
            message = message[skipped:]
        if uptime is None and stamp is not None and stamp.uptime_us is not None:
            uptime = stamp.uptime_us
        return Line(stamp, host or "", program or "", pid or "", message, offset, uptime)

    def score(self, lines: Sequence[str], path: str = "") -> float:
        """0 to 1: the share of these lines that have this shape; the path only breaks ties."""
        if not lines:
            return 0.0
        share = sum(self.parse(line) is not None for line in lines) / len(lines)
        tie = 0.001 if share and self.kind.partition("-")[0] in path.rpartition("/")[2].lower() else 0.0
        return min(1.0, share * self.weight + tie)
