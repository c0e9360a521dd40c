"""Storages that were gone, slow, degraded or full on a node: from the kernel, the storage daemons, pvestatd and `zpool status`."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from pveforensics.lazyregex import regex
from pveforensics.model import Interval, Snapshot
from pveforensics.state.trackers.spells import Spell, end_of_boot, goes_on, is_starting, is_stopping, spoken
from pveforensics.state.trackers.storage_signs import READERS, Sign, sign_of
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant
from pveforensics.value import Value

QUIET_US = 300 * SECOND
"""pvestatd asks every 10 s and repeats itself while a storage is away; after so long a silence it was back."""

TELLS_ITS_END = frozenset({"nfs", "iscsi", "multipath", "zfs", "lvmthin"})
"""Kinds of which the kernel or a daemon says when they are back; their silence proves nothing."""

BLOCKED = {
    "pvestatd_slow": "pvestatd",
    "guest.qmp_timeout": "guests",
    "guest.qmp_error": "guests",
    "hung_task": "processes in the kernel",
    "backup.guest_failed": "backups",
    "guest.start_failed": "guest starts",
    "replication.job_failed": "replication",
    "ha_loop_too_long": "the HA agents",
    "lrm_status_write_failed": "the HA agents",
    "cfs_lock_error": "tasks that need its lock",
}
"""What waits for storage, by the event that shows it."""

MOST_BLOCKED = 200
"""Lines of an outage that are looked at: a handful of words sums them all up."""

BEFORE_US = 120 * SECOND
"""The kernel reports a dead server minutes after the first process began to wait for it."""

SPELLED = frozenset({"kernel", "zed"})

_SETTING = regex(r"^storage\.(?P<type>[\w-]+):(?P<id>[^.\s]+?)\.(?P<key>[\w-]+)$")
_NAMED_BY = {
    "server": ("server", "portal", "monhost"),
    "pool": ("pool",),
    "vg": ("vgname",),
    "thin": ("thinpool", "vgname"),
}
_GUESTS, _BACKUPS = frozenset({"images", "rootdir"}), frozenset({"backup"})
_BAD_POOL = frozenset({"SUSPENDED", "UNAVAIL", "FAULTED"})


class _Stores(Value, frozen=True):
    """What storage.cfg says: the keys of each storage by its id."""

    keys: Mapping[str, Mapping[str, str]]

    def ids(self, sign: Sign, node: str) -> tuple[str, ...]:
        """The storages of the node that a sign is about, as far as the configuration tells."""
        if sign.by == "id":
            return (sign.name,)
        named = _NAMED_BY.get(sign.by, ())
        return tuple(
            name for name, keys in self.keys.items() if _is_used(keys, node) and any(_is(keys.get(key, ""), sign) for key in named)
        )

    def holds(self, ids: tuple[str, ...]) -> str:
        """What lies on them: guests, backups, images (ISO and templates), or an empty string."""
        content = {word for name in ids for word in self.keys.get(name, {}).get("content", "").split(",") if word}
        return "guests" if content & _GUESTS else "backups" if content & _BACKUPS else "images" if content else ""

    def kind(self, ids: tuple[str, ...]) -> str:
        """The type of the first of them that is configured."""
        return next((self.keys[name]["type"] for name in ids if name in self.keys), "")


def _is_used(keys: Mapping[str, str], node: str) -> bool:
    """False for a storage that is disabled, or limited to other nodes."""
    nodes = re.split(r"[,;\s]+", keys["nodes"]) if keys.get("nodes") else [node]
    return node in nodes and keys.get("disable", "0") in ("0", "no", "")


def _is(value: str, sign: Sign) -> bool:
    if not value:
        return False
    if sign.by == "thin":
        return value in sign.name.replace("--", "-").split("-") or sign.name.endswith(value)
    return sign.name in re.split(r"[ ,;]", value) or value.partition("/")[0] == sign.name or value.partition(":")[0] == sign.name


def track(view: View) -> tuple[Interval, ...]:
    """`storage:<s>@<n>` offline, slow, degraded, full.

    Fields: `kind` (nfs, cifs, iscsi, multipath, zfs, lvm, lvmthin, ceph, pbs, dir), `why`, `told` (kernel, daemon, zed, tool, dump), `ids`
    (storages of the configuration that lie there), `also` (the same in words, if the subject is none of them), `holds` (guests, backups, images), `count`, `phase` (starting or empty),
    `how` (suspended, missing or faulted, of a pool), `blocked` (what waited behind it), `closed_by` (back, quiet, boot_end).
    """
    return tuple(interval for node in view.nodes for interval in _placed(_of_node(view, node)))


def _placed(found: Iterator[Interval]) -> Iterator[Interval]:
    """A line without a time adds nothing where the same is known with its time."""
    every = list(found)
    dated = {(each.subject, each.state) for each in every if each.start is not None}
    return (each for each in every if each.start is not None or (each.subject, each.state) not in dated)


def _of_node(view: View, node: str) -> Iterator[Interval]:
    stores = _stores(view)
    open_spells: dict[tuple[str, str], Spell] = {}
    for at, event in spoken(view, node, *READERS):
        sign = sign_of(event)
        if sign is None or not sign.name or is_stopping(view, node, at):
            continue
        ids = stores.ids(sign, node)
        name = ids[0] if len(ids) == 1 else sign.name
        if not sign.state:
            yield from _back(view, node, open_spells, name, at)
            continue
        key = (name, sign.state) if at is not None else (name, f"{sign.state} undated")
        spell = open_spells.get(key)
        if spell is not None and _is_over(view, node, spell, at):
            yield _close(view, node, open_spells.pop(key))
            spell = None
        if spell is None:
            spell = open_spells[key] = Spell(
                f"storage:{name}@{node}", sign.state, at, at, fields=_fields(view, stores, sign, ids, at, node)
            )
        _learn(spell, sign)
        spell.take(at, event)
    for spell in open_spells.values():
        yield _close(view, node, spell)
    yield from _from_dumps(view, node, stores)


def _fields(view: View, stores: _Stores, sign: Sign, ids: tuple[str, ...], at: Instant | None, node: str) -> dict[str, str]:
    return {
        "storage": ids[0] if len(ids) == 1 else sign.name,
        "kind": stores.kind(ids) or sign.kind,
        "why": sign.why,
        "told": sign.told,
        "ids": " ".join(ids),
        "also": ", ".join(ids) if len(ids) > 1 else "",
        "holds": stores.holds(ids),
        "how": _how(sign.why),
        "phase": "starting" if is_starting(view, node, at) else "",
        "blocked": "",
    }


def _how(why: str) -> str:
    return next((word for word in ("suspended", "missing") if why.startswith(word)), "")


def _learn(spell: Spell, sign: Sign) -> None:
    """A later sign may know more: the kernel names what pvestatd only misses."""
    if not spell.fields["kind"] or (spell.fields["kind"] == "dir" and sign.kind not in ("", "dir")):
        spell.fields["kind"] = sign.kind
    if sign.told in SPELLED and spell.fields["told"] not in SPELLED:
        spell.fields["told"] = sign.told
    spell.fields["how"] = spell.fields["how"] or _how(sign.why)


def _back(view: View, node: str, spells: dict[tuple[str, str], Spell], name: str, at: Instant | None) -> Iterator[Interval]:
    for key in [key for key in spells if key[0] == name and key[1] in ("offline", "slow")]:
        spell = spells.pop(key)
        if _is_over(view, node, spell, at):
            yield _close(view, node, spell)
        else:
            yield _told(view, node, spell.closed(at, "back"))


def _is_over(view: View, node: str, spell: Spell, at: Instant | None) -> bool:
    """True if a later sign belongs to another stretch: the boot ended between, or it was quiet for so long that the storage was back."""
    if at is None or spell.start is None or spell.last is None:
        return False
    end = end_of_boot(view, node, spell.last)
    if end is not None and end.us < at.us:
        return True
    lasting = spell.fields["told"] in SPELLED and spell.fields["kind"] in TELLS_ITS_END
    return not lasting and at.us - spell.last.us > QUIET_US


def _close(view: View, node: str, spell: Spell) -> Interval:
    ended = end_of_boot(view, node, spell.last)
    lasting = spell.fields["told"] in SPELLED and spell.fields["kind"] in TELLS_ITS_END
    if not lasting and goes_on(view, node, spell.last, QUIET_US):
        return _told(view, node, spell.closed(spell.last, "quiet"))
    return _told(view, node, spell.closed(ended, "boot_end" if ended is not None else ""))


def _told(view: View, node: str, outage: Interval) -> Interval:
    """The outage with what waited behind it."""
    if outage.start is None:
        return outage
    until = outage.end.us if outage.end is not None else outage.start.us + QUIET_US
    waited = view.once(("waited", node), lambda: list(_waited(view, node)))
    first, last = bisect_left(waited, (outage.start.us - BEFORE_US, "")), bisect_right(waited, (until, "~"))
    blocked = {word for _, word in waited[first : min(last, first + MOST_BLOCKED)]}
    return replace(outage, fields={**outage.fields, "blocked": ", ".join(sorted(blocked))})


def _waited(view: View, node: str) -> Iterator[tuple[int, str]]:
    """What failed or stood still on the node, by time."""
    for at, event in view.dated(node, *BLOCKED, "task.end"):
        if event.kind != "task.end":
            yield at.us, BLOCKED[event.kind]
        elif not (event.fields.get("status") or "OK").startswith(("OK", "WARNINGS")):
            yield at.us, "tasks"


def _from_dumps(view: View, node: str, stores: _Stores) -> Iterator[Interval]:
    """Pools that `zpool status` shows suspended, faulted or degraded. Its scan date is no moment of the fault: the edges stay unknown."""
    for dump in view.snapshots_of(node, "zpool_status"):
        state = dump.fields.get("state", "")
        bad = tuple(
            row
            for row in dump.rows
            if row.get("state") in ("FAULTED", "UNAVAIL", "REMOVED", "OFFLINE", "DEGRADED") and row.get("role") == "device"
        )
        if state in _BAD_POOL:
            word = "suspended" if state == "SUSPENDED" else "faulted"
            yield _dumped(dump, node, stores, "offline", f"{word}: zpool status shows it {state}", bad)
        elif state == "DEGRADED" or any(row["state"] != "OFFLINE" for row in bad):
            yield _dumped(dump, node, stores, "degraded", f"zpool status shows it {state}", bad)
    for dump in view.snapshots_of(node, "pvesm_status"):
        for row in dump.rows:
            if row.get("status") == "inactive" and row.get("storage"):
                yield _inactive(dump, node, stores, row)


def _dumped(dump: Snapshot, node: str, stores: _Stores, state: str, why: str, bad: tuple[Mapping[str, str], ...]) -> Interval:
    pool = dump.fields.get("pool", "")
    ids = stores.ids(Sign(pool, "pool", "zfs", state, why), node)
    devices = ", ".join(f"{row.get('name')} {row.get('state')}" for row in bad[:4])
    fields = {
        "storage": ids[0] if len(ids) == 1 else pool,
        "kind": "zfs",
        "why": why + (f" ({devices})" if devices else ""),
        "told": "dump",
        "ids": " ".join(ids),
        "holds": stores.holds(ids),
        "how": "suspended" if dump.fields.get("state") == "SUSPENDED" else "faulted" if state == "offline" else "",
        "phase": "",
        "blocked": "",
        "count": "1",
        "closed_by": "",
    }
    return Interval(f"storage:{fields['storage']}@{node}", state, None, None, fields, dump.evidence)


def _inactive(dump: Snapshot, node: str, stores: _Stores, row: Mapping[str, str]) -> Interval:
    """A storage that `pvesm status` shows inactive: it was away when the command ran; since when is not told."""
    name = row["storage"]
    fields = {
        "storage": name,
        "kind": row.get("type") or stores.kind((name,)),
        "why": "pvesm status shows it inactive",
        "told": "dump",
        "ids": name,
        "holds": stores.holds((name,)),
        "how": "",
        "phase": "",
        "blocked": "",
        "count": "1",
        "closed_by": "",
    }
    return Interval(f"storage:{name}@{node}", "offline", None, None, fields, dump.evidence)


def _stores(view: View) -> _Stores:
    """storage.cfg as any node has it: the file is one in the whole cluster."""

    def read() -> _Stores:
        keys: dict[str, dict[str, str]] = {}
        for setting in view.timeline.settings:
            _, _, key = setting.subject.partition("/")
            if found := _SETTING.match(key):
                keys.setdefault(found["id"], {"type": found["type"]})[found["key"]] = setting.state
        return _Stores(keys)

    return view.once("storage.cfg", read)
