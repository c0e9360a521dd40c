"""Rows 16 to 25 of the decision table: devices, bridges, scripts and locks of a guest on a node that HA may choose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pveforensics.lazyregex import regex
from pveforensics.state.estate import Estate, Guest
from pveforensics.state.estate.verdicts import Verdict, cited

_PCI = regex(r"^(?:host=)?(?P<address>(?:[0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)", re.ASCII)
_BRIDGE = regex(r"(?:^|,)bridge=(?P<bridge>[\w.-]+)")
_MAPPED = regex(r"(?:^|,)mapping=(?P<name>[\w.-]+)")
_DIRECTORY = regex(r"^(?:dirid=)?(?P<name>[\w.-]+)")
_VOLUME = regex(r"(?P<storage>[A-Za-z][\w.-]*):(?P<file>\S+)", re.ASCII)


def verdicts(estate: Estate, guest: Guest, node: str) -> Iterator[Verdict]:
    """A verdict for each device, bridge, script and lock of the guest that ties it to a node."""
    for key, value in guest.options.items():
        if re.fullmatch(r"hostpci\d+", key):
            yield _pci(estate, guest, key, value, node)
        elif re.fullmatch(r"usb\d+|virtiofs\d+", key):
            yield from _mapped(estate, guest, key, value, node)
        elif re.fullmatch(r"(?:serial|parallel)\d+", key) and value.startswith("/dev/"):
            yield _tied(guest, key, 20, f"{key} is the host's own {value}: the guest does not start where it is missing")
        elif re.fullmatch(r"dev\d+", key):
            yield _tied(guest, key, 21, f"{key} passes a device of the host: the container does not start where it is missing")
        elif re.fullmatch(r"net\d+", key):
            yield from _bridge(estate, guest, key, value, node)
        elif key in ("hookscript", "cicustom"):
            yield from _snippets(estate, guest, key, value, node)
    yield from _mounts(guest)
    if guest.lock and guest.lock != "suspended" and guest.lock not in estate.recovery_clears:
        why = f"{guest.sid} is locked ({guest.lock}) and recovery does not remove that lock: its start is refused"
        fix = f"when no task holds it any more: `{'pct' if guest.sid.startswith('ct:') else 'qm'} unlock {guest.vmid}`"
        yield Verdict(25, "start_fails", why, fix, cited(guest.lines.get("lock")), "lock", bad=False)


def _tied(guest: Guest, key: str, row: int, why: str) -> Verdict:
    """What depends on a path of the host, of which a bundle shows nothing."""
    return Verdict(row, "unknown", why, evidence=cited(guest.lines.get(key)), subject=key, bad=False)


def _pci(estate: Estate, guest: Guest, key: str, value: str, node: str) -> Verdict:
    if found := _MAPPED.search(value):
        return _mapping(estate, guest, key, ("pci", found["name"]), node)
    found = _PCI.match(value)
    address = found["address"].removeprefix("0000:") if found else ""
    here, there = estate.devices.get(guest.node, {}), estate.devices.get(node)
    if not address or there is None:
        return _tied(guest, key, 16, f"{key} is a device of the host by its address: what {node} has at that address is not in the bundle")
    theirs, ours = _at(there, address), _at(here, address)
    fix = "a resource mapping with an entry for each node that HA may choose, or a strict rule"
    if not theirs:
        return Verdict(16, "start_fails", f"{node} has no device at {address} for {key}", fix, cited(guest.lines.get(key)), key)
    if not ours:
        return _tied(
            guest,
            key,
            16,
            f"{key} is a device of the host by its address: what {guest.node} has there is not in the bundle, so it cannot be compared with {node}",
        )
    if ours != theirs:
        why = f"at {address} {node} has another device ({theirs}): it would be taken from the host"
        return Verdict(17, "wrong_data", why, fix, cited(guest.lines.get(key)), key)
    return Verdict(16, "ok", f"{node} has the same device at {address}", evidence=cited(guest.lines.get(key)), subject=key)


def _at(devices: Mapping[str, str], address: str) -> str:
    """The vendor and device numbers at an address; of an address without function, of its first one."""
    return devices.get(address) or devices.get(f"{address}.0", "")


def _mapping(estate: Estate, guest: Guest, key: str, name: tuple[str, str], node: str) -> Verdict:
    if estate.mappings is None or not any(kind == name[0] for kind, _ in estate.mappings):
        return _tied(guest, key, 18, f"{key} uses the mapping {name[1]}; the mappings are not in the bundle")
    nodes = estate.mappings.get(name)
    line = guest.lines.get(key)
    if nodes is None or node not in nodes:
        fix = f"add {node} to the mapping {name[1]}"
        return Verdict(18, "start_fails", f"the mapping {name[1]} of {key} has no entry for {node}", fix, cited(line), key)
    return Verdict(18, "ok", f"the mapping {name[1]} has an entry for {node}", evidence=cited(line), subject=key)


def _mapped(estate: Estate, guest: Guest, key: str, value: str, node: str) -> Iterator[Verdict]:
    if key.startswith("virtiofs"):
        if found := _DIRECTORY.match(value):
            yield _mapping(estate, guest, key, ("directory", found["name"]), node)
    elif found := _MAPPED.search(value):
        yield _mapping(estate, guest, key, ("usb", found["name"]), node)
    elif "host=" in value:
        yield _tied(guest, key, 19, f"{key} is a USB device of the host: the guest starts without it where it is not plugged in")


def _bridge(estate: Estate, guest: Guest, key: str, value: str, node: str) -> Iterator[Verdict]:
    """A bridge that the guest's own node defines in its file and the other does not; SDN's networks are the cluster's."""
    found = _BRIDGE.search(value)
    here, there = estate.bridges.get(guest.node), estate.bridges.get(node)
    if not found or here is None or there is None or found["bridge"] in estate.vnets:
        return
    if found["bridge"] in here and found["bridge"] not in there:
        why = f"{key} needs bridge {found['bridge']}, which {node} does not have"
        yield Verdict(23, "start_fails", why, f"create {found['bridge']} on {node}, on the same network", cited(guest.lines.get(key)), key)


def _snippets(estate: Estate, guest: Guest, key: str, value: str, node: str) -> Iterator[Verdict]:
    for found in _VOLUME.finditer(value.replace("=", " ").replace(",", " ")):
        storage = estate.storage(found["storage"]) if estate.storages is not None else None
        if storage is None or (storage.shared and storage.on(node)):
            continue
        why = f"{key} {found['storage']}:{found['file']} lies on local storage: the guest does not start where the file is missing"
        yield Verdict(
            24,
            "start_fails",
            why,
            "keep snippets on shared storage",
            cited(guest.lines.get(key), storage.evidence),
            key,
            storage.id,
            sure=0.7,
        )


def _mounts(guest: Guest) -> Iterator[Verdict]:
    for disk in guest.disks:
        if disk.kind in ("bind", "device") and guest.sid.startswith("ct:"):
            row = 22 if disk.shared else 21
            how = "starts with what lies there" if disk.shared else "does not start where it is missing"
            yield _tied(guest, disk.key, row, f"{disk.key} is the host's own {disk.volume}: the container {how}")
