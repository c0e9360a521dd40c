"""Which node a file probably belongs to, by its path alone. A hint: host columns and `etc/hostname` decide."""

from __future__ import annotations

import re

from pveforensics.bundle.names import stem

ROOTS = frozenset({"var", "etc", "proc", "sys", "run", "root", "usr", "home", "boot", "dev", "lib", "opt", "srv", "tmp", "mnt"})
"""First folders of a Linux system: what stands above them is the node's folder."""

_GENERIC = frozenset(
    re.findall(
        r"\S+",
        """
    all allnodes archive archives attachment attachments auth backup bundle bundles boot boots cat cfg cfgtool cfs cluster clusters cmap cmapctl
    collect collected collector conf config configs coredump coredumps corosync corosynccfgtool crash cron crm current daemon data date debug diag
    diagnostic diagnostics diagnostik dmesg dump dumps error errors etc evidence export file files fence forensics full getpvelogs ha host hosts
    incident inner input investigation ipmitool issue journal journalctl journald journals kern kernel kdump last lastlog link links linux log logs
    lrm lrz machine manager master members messages misc network new node nodes notify old ops out outer output pacemaker paste postmortem previous
    private process processes prox proxmox pve pvecluster pvecm pveceph pvedaemon pvefirewall pveforensics pvelogs pvemanager pveproxy pvereport
    pvesm pvesr pvestatd pveversion qdevice quorum quorumtool raw readme remote report reports result results ring rotated sample samples save saved
    sel sensors server services shared sos sosreport state status storage stdin stderr stdout supervisor support syslog sysrq system systemctl
    systemd task tasks temp test text tickets ticket timedatectl tmp totem txt unknown upload uploads user users uptime var version vm watchdog wd
    wtmp zpool
    log0 xz gz bz2 zst lz4 zip tar tgz json jsonl short iso precise csv html pdf md yaml yml ini db
    """,
    )
)
"""Words of file names that name what is in a file, not where it comes from."""

_DATE = re.compile(
    r"(?<![0-9])(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])(?:[-_.T ]?\d\d[-_.:]?\d\d(?:[-_.:]?\d\d)?)?Z?(?![0-9])"
    r"|(?<![0-9])1[0-9]{9}(?![0-9])"
)
_MACHINE_ID = re.compile(r"[0-9a-f]{32}(?:\.[0-9a-f]+)?")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})")


def node_hint(path: str, bundle_name: str) -> str:
    """The folder or file name that probably names the node, lower case as written; empty if nothing sensible does.

    `<node>/var/log/x` gives the folder, `var/log/x` the archive's name without suffixes and dates, `pve1-syslog.log`
    the part of the name that is no word for a kind of file.
    """
    parts = path.split("/")
    folders, name = parts[:-1], parts[-1]
    root = next((index for index, part in enumerate(folders) if part in ROOTS and _is_root(parts, index)), None)
    above = folders if root is None else folders[:root]
    for folder in reversed(above):
        if hint := _cleaned(stem(folder)):
            return hint
    if root is None and (hint := _cleaned(stem(name), file=True)):
        return hint
    return _cleaned(stem(bundle_name)) if bundle_name not in ("", "-") else ""


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
    kept = [word for word in words if not _generic(word)]
    if not kept or all(word.isdigit() for word in kept):
        return ""
    first, last = words.index(kept[0]), len(words) - 1 - words[::-1].index(kept[-1])
    hint = "-".join(words[first : last + 1])
    return hint if _HOST.fullmatch(hint) else ""


def _generic(word: str) -> bool:
    return word.lower() in _GENERIC
