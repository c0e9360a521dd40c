"""Whether a log holds all that a node writes, or what one facility, one unit or a filter let through."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

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
