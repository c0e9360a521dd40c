"""Which node a file probably belongs to, by its path alone. A hint: host columns and `etc/hostname` decide."""

from __future__ import annotations

import re

from pveforensics.bundle.names import stem
from pveforensics.lazyregex import regex

ROOTS = frozenset({"var", "etc", "proc", "sys", "run", "root", "usr", "boot"})
"""First folders of a Linux system: what stands above them is the node's folder."""

_HOSTLIKE = frozenset({"pve", "prox", "proxmox", "node", "server", "host", "srv", "pvenode", "master"})
"""Words that say nothing alone, but belong to the name in `pve-a` and `node-01`."""

_GENERIC = _HOSTLIKE | frozenset(
    re.findall(
        r"\S+",
        """
    active after all allnodes alternatives analysis apt archive archives attachment attachments auth backup before boot boots bundle bundles cat
    ceph cfg cfgtool cfs cluster clusters cmap cmapctl collect collected collector commands conf config configs coredump coredumps corosync
    corosynccfgtool crash crm cron csv ct current daemon data datacenter date db debian debug diag diagnostic diagnostics dmesg dpkg dump dumps
    error errors etc evidence excerpt export file files fence firewall forensics full getpvelogs gz ha history hostname hosts hour html id incident
    index info ini inner input interfaces investigation ipmitool iso issue journal journalctl journald journals json jsonl kdump kern kernel
    ksmtuned last lastlog link links linux list localtime log logs lrm lxc lz4 manager md members messages misc mon mux network new nfs nodes notes
    notify nut old ops osd out outer output overview pacemaker package packages part paste pdf pmxcfs postmortem precise previous private process
    processes pvecluster pvecm pveceph pvedaemon pvefirewall pveforensics pvelogs pvemanager pveproxy pvereport pvescheduler pvesm pvesr pvestatd
    pveversion qdevice qemu quorum quorumtool raw readme remote replicate report reports result results ring rotated sample samples save saved sel
    sensors servers services shared short smartd snippet sos sosreport spiceproxy state status stderr stdin stdout storage summary supervisor support
    syslog sysrq system systemctl systemd tar task tasks temp term test text tgz tickets ticket timedatectl timeline timezone tmp totem txt unknown
    upload uploads ups uptime user users var version vm watchdog wd wtmp xz yaml yml zed zip zpool zst bz2
    df directory fw groups jobs lsblk lspci lvs mapping mappings notifications pci pct pvesh qm replication resources rules sdn snapshot
    snapshots usb vmlist zfs
    """,
    )
)
"""Words of file names that name what is in a file, not where it comes from."""

_BARE = frozenset({"pve", "proxmox"})
"""Of these words, those that are host names as they stand: `pve` is what the installer proposes."""

_OF_COLLECT = frozenset({"collect", "commands"})
"""Folders of the node's own that the script of `pveforensics collect` makes."""

_DATE = regex(
    r"(?<![0-9])(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])(?:[-_.T ]?\d\d[-_.:]?\d\d(?:[-_.:]?\d\d(?:[.,]\d{1,9})?)?)?Z?(?![0-9])"
    r"|(?<![0-9])1[0-9]{9}(?![0-9])"
)
_COLLECTED = regex(r"(?P<host>[A-Za-z0-9][\w.-]{0,252})_[\w.-]+_(?:19|20)\d{6}-\d{6}\.(?:logs|supportlogs)(?:\.|$)", re.ASCII)
"""How getpvelogs.sh (Thomas-Krenn) names its folder and its archive: host, serial number, UTC."""
_MACHINE_ID = regex(r"[0-9a-f]{32}(?:\.[0-9a-f]+)?")
_NODELIKE = regex(r"(?:.*[-_])?(?:pve|prox|proxmox|node|pvenode|srv|server|host)[-_]?[a-z]{0,4}\d{1,4}[a-z]?", re.IGNORECASE)
"""A name as people give it to nodes: `pve1`, `node-02`, `rack-pve-nd01`."""

_HOST = regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})")


def node_hint(path: str, bundle_name: str) -> str:
    """The folder or file name that probably names the node, as written; empty if nothing sensible does.

    `<node>/var/log/x` gives the folder, `var/log/x` the archive's name without suffixes and dates, `pve1-syslog.log`
    the part of the name that is no word for a kind of file. Of a folder or an archive that is named as nodes are (`pve1`) all
    files are that node's whose own names tell nothing of the kind.
    """
    parts = path.split("/")
    for part in (*parts[:-1], bundle_name):
        if collected := _COLLECTED.match(part):
            return collected["host"].partition(".")[0]
    folders, name = parts[:-1], parts[-1]
    root = next((index for index, part in enumerate(folders) if part in ROOTS and _is_root(parts, index)), None)
    above = folders if root is None else folders[:root]
    for folder in reversed(above):
        if hint := _cleaned(stem(folder)):
            return hint
    inner = above[:-1] if above and above[-1] in _OF_COLLECT else above
    if inner and inner[-1].lower() in _HOSTLIKE:
        return inner[-1]
    hint = _cleaned(stem(name), file=True) if root is None else ""
    whole = _of_bundle(bundle_name)
    return whole if _NODELIKE.fullmatch(whole) and not _NODELIKE.fullmatch(hint) else hint or whole


def _of_bundle(bundle_name: str) -> str:
    """The node that the name of a whole input points to."""
    name = stem(bundle_name) if bundle_name not in ("", "-") else ""
    return name if name.lower() in _BARE else _cleaned(name)


def _is_root(parts: list[str], index: int) -> bool:
    """`var` begins a file system if `log`, `lib` or `run` follows; the other names do so whatever follows."""
    return parts[index] != "var" or parts[index + 1] in ("log", "lib", "run", "spool", "tmp", "cache", "crash")


def _cleaned(text: str, *, file: bool = False) -> str:
    """What is left of a name without dates, machine ids and words for kinds of files, if it could be a host name."""
    text = _MACHINE_ID.sub(" ", _DATE.sub(" ", text))
    if file:
        text = re.sub(r"(?:\.(?:log|txt|text|out|json|jsonl|export|conf|cfg|journal|md|csv|old|\d{1,3}))+$", "", text, flags=re.IGNORECASE)
    if not file and _HOST.fullmatch(text.partition(".")[0]) and "." in text and _generic(text.partition(".")[0]) is False:
        text = text.partition(".")[0]
    words = [word for word in re.split(r"[-_. ()@+,:~#]+", text) if word]
    kept = [
        index
        for index, word in enumerate(words)
        if not _generic(word) and not (file and index and len(word) == 1 and _generic(words[index - 1]))
    ]
    if not kept:
        return ""
    first, last = kept[0], kept[-1]
    if first and words[first - 1].lower() in _HOSTLIKE:
        first -= 1
    hint = "-".join(words[first : last + 1])
    return hint if _HOST.fullmatch(hint) and not hint.replace("-", "").isdigit() else ""


def _generic(word: str) -> bool:
    return word.lower() in _GENERIC
