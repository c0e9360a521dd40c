"""Folds people into roles: what a post-mortem says of them is what was done, never who did it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pveforensics.lazyregex import regex
from pveforensics.report import shape

_ACCOUNT = regex(r"(?<![\w/@.+-])(?P<user>[\w.+-]+)@(?P<realm>[A-Za-z][\w.-]*)(?P<token>![\w.-]+)?")
_FIELDS = frozenset({"user", "userid", "username", "login"})
_ROLES = frozenset({"root", "root@pam", "www-data", "backup", "nobody", "daemon", "system"})
"""Accounts of programs and roles: they name nobody."""


def people(events: Iterable[shape.Event]) -> frozenset[str]:
    """The account names that events carry and that may be a person's."""
    told = (event.fields for event in events if not _FIELDS.isdisjoint(event.fields))
    named = {fields[key].partition("@")[0] for fields in told for key in _FIELDS if fields.get(key)}
    return frozenset(name for name in named if len(name) > 1 and name not in _ROLES and re.fullmatch(r"[\w.+-]+", name))


def blameless(text: str, known: frozenset[str] = frozenset()) -> str:
    """The text with accounts as roles: `root@pam` is the administrator account, a token is a token, anybody else an operator."""
    folded = _ACCOUNT.sub(_role, text)
    for name in sorted(known, key=lambda each: (-len(each), each)):
        if name in folded:
            folded = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", "an operator", folded)
    return folded


def _role(found: re.Match[str]) -> str:
    if found["token"]:
        return "an API token"
    return "the administrator account" if found["user"] == "root" else "an operator"
