"""Readers of package versions and changes: `pveversion -v`, apt's history.log, dpkg.log."""

from __future__ import annotations

import re

from pveforensics.lazyregex import regex
from pveforensics.readings import RawSnapshot, TimeHint
from pveforensics.state.dumps.terminal import clean, command_of
from pveforensics.state.page import Page, Reading

VERSIONS, APT, DPKG = "pveversion", "apt_history", "dpkg_log"
MOST_ROWS = 50_000

_VERSION = regex(
    r"^\s*(?P<package>[a-z][a-z0-9.+-]+): (?P<version>\d[\w.:~+-]*|not correctly installed|residual config)(?: \((?P<note>[^)]*)\))?\s*$",
    re.ASCII,
)
_SHORT = regex(r"^\s*pve-manager/(?P<version>\d[\w.~+-]*)/\w+(?: \((?P<note>[^)]*)\))?\s*$", re.ASCII)
_OURS = regex(
    r"(?:proxmox-ve|pve-manager|pve-cluster|corosync|qemu-server|libpve-\S+|pve-ha-manager|proxmox-kernel-\S+|pve-kernel-\S+|zfsutils-linux)$"
)
_RUNNING = regex(r"running kernel: (\S+)")
_STANZA = regex(r"^Start-Date: (?P<date>\d{4}-\d\d-\d\d) +(?P<time>\d\d:\d\d:\d\d)\s*$", re.ASCII)
_KEY = regex(r"^(?P<key>[A-Z][A-Za-z-]+): (?P<value>.*)$")
_ACTIONS = frozenset({"Install", "Upgrade", "Remove", "Purge", "Downgrade", "Reinstall"})
_PACKAGE = regex(r"(?P<package>[a-z0-9][a-z0-9.+-]*)(?::(?P<arch>[a-z0-9-]+))? \((?P<versions>[^)]*)\)", re.ASCII)
_DPKG = regex(
    r"^(?P<date>\d{4}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d) (?P<action>install|upgrade|remove|purge|configure|trigproc|startup|status|conffile) (?P<rest>\S.*)$",
    re.ASCII,
)


def score_versions(page: Page) -> float:
    """By lines `package: version` of Proxmox' own packages."""
    found = [row["package"] for _, line in page.filled()[:3000] if (row := _VERSION.match(clean(line)))]
    ours = sum(1 for name in found if _OURS.match(name))
    if page.is_log():
        return 0.0
    return 0.95 if ours >= 3 else 0.6 if any(_SHORT.match(clean(line)) for _, line in page.filled()[:50]) else 0.0


def read_versions(page: Page) -> Reading:
    """Field `kernel` (the running one), `manager`; rows of `package`, `version`, `note`."""
    rows: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    node = ""
    for number, line in page.filled():
        text = clean(line)
        command = command_of(line)
        if command is not None:
            node = command[0] or node
        elif found := _VERSION.match(text) or _SHORT.match(text):
            name = found.groupdict().get("package") or "pve-manager"
            rows.append(
                {"package": name, "version": found["version"], "note": found["note"] or "", "line": str(number), "text": text.strip()[:300]}
            )
            if name == "pve-manager":
                fields["manager"] = found["version"]
            if kernel := _RUNNING.search(found["note"] or ""):
                fields["kernel"] = kernel[1]
    first = rows[0] if rows else {"line": "1", "text": ""}
    return Reading(snapshots=(RawSnapshot(VERSIONS, int(first["line"]), first["text"], node=node, fields=fields, rows=tuple(rows)),))


def score_apt(page: Page) -> float:
    """By its stanzas."""
    return 0.95 if any(_STANZA.match(line) for _, line in page.filled()[:2000]) else 0.0


def read_apt(page: Page) -> Reading:
    """A row per package: `start`, `end` (local time, `end` empty if the machine went down meanwhile), `action`, `package`, `old`, `new`, `command`."""
    rows: list[dict[str, str]] = []
    stanza: dict[str, str] = {}
    first = 0
    # lists of packages are longer than the lines that a page keeps
    for number, line in enumerate(page.data.decode("utf-8", "replace").split("\n")[:MOST_ROWS], 1):
        if found := _STANZA.match(line.rstrip("\r")):
            stanza, first = {"start": f"{found['date']} {found['time']}", "end": "", "command": "", "error": ""}, len(rows)
            continue
        pair = _KEY.match(line.rstrip("\r"))
        if not pair or not stanza:
            continue
        key, value = pair["key"], pair["value"]
        if key in _ACTIONS:
            for package in _PACKAGE.finditer(value):
                old, _, new = package["versions"].partition(", ")
                old, new = (old, new) if key in ("Upgrade", "Downgrade") else ("", old) if key in ("Install", "Reinstall") else (old, "")
                new = new.removesuffix(", automatic")
                if len(rows) < MOST_ROWS:
                    rows.append(
                        {
                            **stanza,
                            "action": key.lower(),
                            "package": package["package"],
                            "old": old,
                            "new": new,
                            "line": str(number),
                            "text": line[:200],
                        }
                    )
        elif key in ("Commandline", "Requested-By", "Error"):
            stanza[{"Commandline": "command", "Requested-By": "by", "Error": "error"}[key]] = value[:300]
        elif key == "End-Date":
            for row in rows[first:]:
                row["end"] = " ".join(value.split())
    return Reading(snapshots=(_changes(APT, rows),))


def score_dpkg(page: Page) -> float:
    """By its lines."""
    filled = page.filled()[:300]
    known = sum(1 for _, line in filled if _DPKG.match(line))
    return 0.95 if filled and known >= 0.8 * len(filled) else 0.0


def read_dpkg(page: Page) -> Reading:
    """A row per package installed, upgraded or removed: `start` (local time), `action`, `package`, `old`, `new`; field `cut` names those left unfinished, `last` the last moment."""
    rows: list[dict[str, str]] = []
    state: dict[str, str] = {}
    last = ""
    for number, line in page.filled():
        found = _DPKG.match(line)
        if not found:
            continue
        words, last = found["rest"].split(), f"{found['date']} {found['time']}"
        if found["action"] == "status" and len(words) >= 2:
            state[words[1].partition(":")[0]] = words[0]
        elif found["action"] in ("install", "upgrade", "remove") and len(words) >= 3 and len(rows) < MOST_ROWS:
            old, new = (word if word != "<none>" else "" for word in words[1:3])
            start = f"{found['date']} {found['time']}"
            package = words[0].partition(":")[0]
            rows.append(
                {
                    "start": start,
                    "action": found["action"],
                    "package": package,
                    "old": old,
                    "new": new,
                    "line": str(number),
                    "text": line.strip()[:200],
                }
            )
    cut = sorted(name for name, word in state.items() if word.startswith("half-"))
    fields = {"last": last, **({"cut": " ".join(cut)[:500]} if cut else {})}
    dated = [(number, found) for number, line in page.filled() if (found := _DPKG.match(line))]
    hints = tuple(TimeHint(number, "dpkg.log", local=f"{found['date']} {found['time']}") for number, found in dated[-1:])
    return Reading(snapshots=(_changes(DPKG, rows, fields),), hints=hints)


def _changes(kind: str, rows: list[dict[str, str]], fields: dict[str, str] | None = None) -> RawSnapshot:
    line, text = (int(rows[0]["line"]), rows[0]["text"]) if rows else (1, "")
    return RawSnapshot(kind, line, text, fields=fields or {}, rows=tuple(rows))
