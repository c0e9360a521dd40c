"""What the name of a log and its programs tell: its place in a rotation set, and whether it holds all that a node writes."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from pveforensics.lazyregex import regex

_PACKED = regex(r"\.(gz|xz|zst|bz2|lz4|lzma|Z)$")
_NUMBERED = regex(r"^(?P<stem>.+?)\.(?P<number>\d{1,3})(?P<tail>\.log|\.txt)?$")
_DATED = regex(r"^(?P<stem>.+?)[-.](?P<date>20\d{6}(?:-?\d{2,6})?)(?P<tail>\.log|\.txt)?$")

FEWEST_PROGRAMS = 4

# rsyslog's facility files of Debian: each has several programs and yet proves nothing about the others.
_AUTH = frozenset({"sshd", "sshd-session", "sudo", "su", "cron", "login", "systemd-logind", "systemd", "polkitd", "passwd", "useradd", "usermod",
                   "groupadd", "chpasswd", "chfn", "pkexec", "pvedaemon", "pveproxy", "dbus-daemon"})  # fmt: skip
_CRON = frozenset({"cron", "crond", "anacron", "crontab", "atd"})
_PARTIAL_NAMES = ("auth", "kern", "cron", "mail", "user", "daemon", "debug", "error", "corosync", "pve-firewall", "secure")


def is_whole(path: str, programs: AbstractSet[str]) -> bool:
    """True if several programs of several facilities write here, or rsyslogd itself does (it reports to the main file)."""
    names = {name.lower() for name in programs}
    if len(names) < 2 or names <= _AUTH or names <= _CRON or all(name.startswith("postfix/") for name in names):
        return False
    if path.rpartition("/")[2].lower().startswith(_PARTIAL_NAMES):
        return False
    return len(names) >= FEWEST_PROGRAMS or "rsyslogd" in names


def rotation(path: str) -> tuple[str, tuple[int, str]]:
    """The set that a file belongs to (`var/log/syslog`) and its place in it, newest first: `x`, `x.1`, `x.2.gz`; dates descend."""
    folder, _, name = path.rpartition("/")
    name = _PACKED.sub("", name)
    if found := _DATED.match(name):
        digits = found["date"].replace("-", "").ljust(14, "0")
        return f"{folder}/{found['stem']}{found['tail'] or ''}", (1, "".join(str(9 - int(digit)) for digit in digits))
    if found := _NUMBERED.match(name):
        return f"{folder}/{found['stem']}{found['tail'] or ''}", (1, f"{int(found['number']):04}")
    return f"{folder}/{name}", (0, "")
