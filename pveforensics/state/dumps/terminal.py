"""What surrounds a dump in a paste: prompts, banners with the node's name, and the author's marks."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex

_PROMPT = regex(r"\s*(?:\[?[\w.-]+@(?P<host>[A-Za-z0-9][\w.-]*)[ :][^#$]{0,200}[#$])(?:\s+(?P<command>\S.*))?$", re.ASCII)
_BANNER = regex(r"\s*[#=*-]{2,} *(?:\[(?P<host>[A-Za-z0-9][\w.-]*)\])? *(?P<command>[^#=*]{3,120}?) *[#=*-]{2,}\s*$")
_COMMAND = regex(
    r"\b(?P<tool>pvecm (?:status|nodes)|corosync-quorumtool|corosync-cfgtool|ha-manager status|journalctl|last\b|timedatectl|date\b|pvesr (?:list|status)|pvesm (?:list|status)"
    r"|zfs list|zpool (?:list|status)|qm list|pct list|pveversion|lvs\b|df\b)"
)
_ROOT = regex(rf"\s*[#$]\s+(?P<command>{_COMMAND.pattern}.*?)\s*$")
_MARK = regex(r"\s+(?:←|<-|⇐|✅|❌|⚠|\N{RIGHTWARDS ARROW}|# <).*$")
_QUOTE = regex(r"^(?:\s*[>|]\s?)+")


def clean(line: str) -> str:
    """The line without mail quoting in front and an author's mark behind."""
    return _MARK.sub("", _QUOTE.sub("", line)).rstrip()


def command_of(line: str) -> tuple[str, str] | None:
    """Node (or an empty string) and command of a prompt or banner line; None if the line is neither."""
    found = _PROMPT.match(line)
    if found:
        return found["host"], (found["command"] or "").strip()
    if found := _ROOT.match(line):
        return "", found["command"]
    found = _BANNER.match(line)
    if found and _COMMAND.search(found["command"]):
        return found["host"] or "", found["command"].strip()
    return None
