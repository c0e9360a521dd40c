"""The shapes of text log lines: every stamp with every head that daemons, tools and people leave behind it."""

from __future__ import annotations

import re

from pveforensics.events.formats import stamps
from pveforensics.events.formats.line import Format
from pveforensics.lazyregex import regex
from pveforensics.readings import Stamp

# The tag before the colon. A parenthesised one is systemd's child before exec and always has a pid.
_PROGRAM = r"(?:[\w/][\w./@+~%:-]{0,63}?|\([\w.@-]{1,40}\)(?=\[))(?:\([\w./-]{1,80}\))?"
_HOST = r"[^\s'\"\[\](){}|<>`]*[^\s'\"\[\](){}|<>`:=,;]"
_MESSAGE = r":(?=\s|$) ?(?P<msg>.*)"
_PID = r"\[(?P<pid>\d{1,10})\]"

# host program[pid]: message, where a host that somebody has masked stands in brackets
_HEAD = rf" +(?P<host>{_HOST}|(?:\[[\w .-]{{1,30}}\]|<[\w .-]{{1,30}}>)(?= \S{{1,64}}\[\d+\]:)) (?P<prog>{_PROGRAM})(?:{_PID})?{_MESSAGE}"
_HEAD_WITH_PID = rf" +(?P<host>{_HOST}) (?P<prog>kernel|{_PROGRAM}(?=\[\d))(?:{_PID})?{_MESSAGE}"
_HEAD_BLANKS = rf" +(?P<host>{_HOST}(?: {{1,3}}{_HOST}){{1,2}}) (?P<prog>{_PROGRAM}){_PID}{_MESSAGE}"

# Programs that write without a pid, so that a missing host can be told from the first word of a message.
_WITHOUT_PID = r"kernel|systemd|corosync|pmxcfs|pve-ha-lrm|pve-ha-crm|watchdog-mux|pvestatd|pvedaemon|pveproxy|pvescheduler|rsyslogd"
_HEAD_HOSTLESS = rf"(?P<host>) +(?P<prog>(?:{_WITHOUT_PID})(?=:|\[)|{_PROGRAM}(?=\[\d))(?:{_PID})?{_MESSAGE}"

_LEVEL = r"(?:emerg|alert|crit|error|warning|notice|info|debug|trace)"
_SUBSYSTEM = r"\[(?:MAIN|TOTEM|QUORUM|KNET|CFG|CMAP|CPG|VOTEQ|QB|WD|SYNC|SERV|MON|YKD|EVS|CLM|CKPT|LOCK|MSG|TMR|IPC|pcmk) {0,4}\]"
_COROSYNC = (
    rf"(?:\[(?P<pid>\d{{1,10}})\] )?(?:(?P<host>{_HOST}) )?(?P<prog>corosync)(?::|(?: +{_LEVEL}|{_LEVEL})? +)\s*(?P<msg>{_SUBSYSTEM}.*)"
)
_COROSYNC_BARE = rf"(?:\[(?P<pid>\d{{1,10}})\] )?(?:(?P<host>{_HOST}) +)??(?P<prog>)(?:{_LEVEL} *)?(?P<msg>{_SUBSYSTEM}.*)"
_PACEMAKER = rf" \[(?P<pid>\d{{1,10}})\] (?P<host>{_HOST}) +(?P<prog>[\w-]+): *(?P<msg>.*)"
_5424 = (
    rf"(?:<\d{{1,3}}>)?(?:1 )?(?P<stamp>{stamps.ISO}) (?P<host>\S+) (?P<prog>[^\s:\[\]]+) (?P<pid>\d+|-) \S+ "
    r"(?:-|(?:\[[^\]]*\])+)(?= |$) ?(?P<msg>.*)"
)
_KERNEL = r"(?P<host>) ?(?:(?P<prog>[a-z][\w-]+)\[(?P<pid>\d+)\]: )?(?P<msg>.*)"
# The whole line is the message: whose rule it was and what was asked for stands before the stamp or on both sides of it.
_FIREWALL = rf"(?=(?P<msg>\d{{1,9}} \d \S+ .*))(?P<host>)(?P<prog>)(?P<pid>)\d{{1,9}} \d \S+ (?P<stamp>{stamps.SLASHED}) "
_ACCESS = rf"(?=(?P<msg>.*))(?P<host>)(?P<prog>)(?P<pid>)[0-9A-Fa-f.:]{{3,50}} - \S+ \[(?P<stamp>{stamps.SLASHED})\] \""
_ANY = rf"(?P<stamp>{stamps.BSD}|{stamps.FULL}|{stamps.ISO}|{stamps.LOCAL_MONTH})"


def any_stamp(text: str) -> Stamp | None:
    """A stamp with a date in any of its forms."""
    if text[:4].isdigit() and text[4:5] == "-":
        return stamps.iso(text)
    return stamps.full(text) if text[4:8].isdigit() and text[8:9] == "-" else stamps.yearless(text)


def _foreign_month(text: str) -> Stamp | None:
    return None if _ENGLISH.match(text) else stamps.yearless(text)


_ENGLISH = regex(r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ")


def _shape(stamp: str, rest: str) -> re.Pattern[str]:
    return regex(rf"(?P<stamp>{stamp}){rest}" if stamp else rest, re.DOTALL)


_SECONDS = r"[A-Z][a-z]{2} (?: ?\d|\d\d) \d{2}:\d{2}:\d{2}(?![.,]\d)"
_PRECISE = r"[A-Z][a-z]{2} (?: ?\d|\d\d) \d{2}:\d{2}:\d{2}[.,]\d{1,9}"
_RFC3339 = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{1,9}(?:Z|[+-]\d{2}:\d{2})"
_SHORT_ISO = rf"(?!{_RFC3339}){stamps.ISO}"

STRICT = (
    Format("syslog", "syslog", _shape(_SECONDS, _HEAD), stamps.yearless),
    Format("rfc3339", "syslog", _shape(_RFC3339, _HEAD), stamps.iso),
    Format("rfc5424", "syslog", _shape("", _5424), stamps.iso),
    Format("short-precise", "journal", _shape(_PRECISE, _HEAD), stamps.yearless),
    Format("short-iso", "journal", _shape(_SHORT_ISO, _HEAD), stamps.iso),
    Format("short-full", "journal", _shape(stamps.FULL, _HEAD), stamps.full),
    Format("short-unix", "journal", _shape(stamps.UNIX, _HEAD), stamps.unix),
    Format("short-monotonic", "journal", _shape(stamps.UPTIME, _HEAD_WITH_PID), stamps.uptime),
    Format("short-localised", "journal", _shape(stamps.LOCAL_MONTH, _HEAD), _foreign_month, 0.99),
    Format("corosync", "corosync.log", _shape(stamps.BSD, " " + _COROSYNC), stamps.yearless),
    Format("pacemaker", "pacemaker.log", _shape(stamps.BSD, _PACEMAKER), stamps.yearless, 0.95),
    Format("firewall", "pve-firewall.log", _shape("", _FIREWALL), stamps.slashed, program="pvefw-logger"),
    Format("access", "access.log", _shape("", _ACCESS), stamps.slashed, program="pveproxy"),
    Format("dmesg-time", "dmesg", _shape(stamps.CTIME, _KERNEL), stamps.ctime, program="kernel"),
)
"""Formats with a stamp and a head that names who wrote; tried in the order of the last success."""

WEAK = (
    Format("corosync-bare", "corosync.log", _shape("", _ANY + " +" + _COROSYNC_BARE), any_stamp, 0.9, weak=True, program="corosync"),
    Format("hostless", "journal", _shape("", _ANY + _HEAD_HOSTLESS), any_stamp, 0.85, weak=True),
    Format("host-with-blanks", "syslog", _shape("", _ANY + _HEAD_BLANKS), any_stamp, 0.8, weak=True),
    Format("dmesg", "dmesg", _shape(stamps.UPTIME, _KERNEL), stamps.uptime, 0.9, weak=True, program="kernel"),
    Format(
        "dmesg-iso",
        "dmesg",
        _shape(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2},\d{6}[+-]\d{2}:?\d{2}", _KERNEL),
        stamps.iso,
        0.8,
        weak=True,
        program="kernel",
    ),
    Format("message-only", "log", _shape("", _ANY + r"(?P<host>)(?P<prog>)(?P<pid>)(?: +|$)(?P<msg>.*)"), any_stamp, 0.5, weak=True),
    Format("time-only", "excerpt", _shape(stamps.CLOCK, _HEAD), None, 0.45, weak=True),
    Format("time-only-hostless", "excerpt", _shape(stamps.CLOCK, _HEAD_HOSTLESS), None, 0.4, weak=True),
    Format("corosync-unstamped", "corosync.log", _shape("", r"(?P<stamp>)" + _COROSYNC), None, 0.6, weak=True),
    Format("corosync-tag", "corosync.log", _shape("", r"(?P<stamp>)\s*" + _COROSYNC_BARE), None, 0.35, weak=True, program="corosync"),
    Format("unstamped", "excerpt", _shape("", r"(?P<stamp>)(?:" + _HEAD_HOSTLESS.replace(" +", r"\s*", 1) + ")"), None, 0.3, weak=True),
)
"""What is left when people cut columns off: tried in this order, and only where no strict format fits."""
