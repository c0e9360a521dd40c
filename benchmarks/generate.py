"""A small seeded generator of node logs for the benchmarks: the noise of a quiet cluster, with a known share of known messages."""

from __future__ import annotations

import argparse
import gzip
import random
from pathlib import Path

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NOISE = (
    ("CRON[{pid}]", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
    ("CRON[{pid}]", "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)"),
    ("pmxcfs[1201]", "[status] notice: received log"),
    ("rrdcached[1105]", "flushing old values, rotating journals number {n}"),
    ("smartd[914]", "Device: /dev/sda [SAT], SMART Usage Attribute: 194 Temperature_Celsius changed from {n} to {n}"),
    ("postfix/qmgr[1402]", "{pid}A9: from=<root@alpha.example.net>, size={n}, nrcpt=1 (queue active)"),
    ("pveproxy[{pid}]", "detected empty handle, request number {n} closed before it was answered"),
    ("kernel", '[{n}.123456] audit: type=1400 apparmor="STATUS" operation="profile_replace" pid={pid} comm="apparmor_parser"'),
)  # fmt: skip
KNOWN = (
    ("corosync[1533]", "  [QUORUM] This node is within the non-primary component and will NOT provide any services."),
    ("corosync[1533]", "  [KNET  ] link: host: 2 link: 0 is down"),
    ("pve-ha-crm[1702]", "status change slave => wait_for_quorum"),
    ("watchdog-mux[811]", "client watchdog expired - disable watchdog updates"),
)
STORM = ("corosync[1533]", "  [TOTEM ] Retransmit List: {n:x} {pid:x} {n:x} {pid:x} {n:x} {pid:x}")


def lines(size: int, host: str, *, every: int, storm: bool, seed: int) -> list[str]:
    """About `size` bytes of lines; one in `every` is a known message (0: none). With `storm` all others are one message of a storm."""
    draw = random.Random(f"{seed} {host}")
    result, length, at, count = [], 0, 86_400 * 200, 0
    while length < size:
        count += 1
        at += draw.random() < 0.5
        day, month = at // 86_400 % 365, 0
        while day >= DAYS[month]:
            day, month = day - DAYS[month], month + 1
        tag, message = draw.choice(KNOWN) if every and count % every == 0 else STORM if storm else draw.choice(NOISE)
        stamp = f"{MONTHS[month]} {day + 1:2} {at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}"
        line = f"{stamp} {host} {tag}: {message}\n".format(pid=draw.randrange(300, 4_000_000), n=draw.randrange(20, 90_000))
        result.append(line)
        length += len(line)
    return result


def generate(folder: Path, *, size: int, nodes: int, files: int, every: int = 2_000, storm: bool = False, seed: int = 1) -> list[Path]:
    """Rotated, compressed logs `<folder>/<node>/syslog[.N].gz`; gives their paths."""
    paths = []
    for node in range(nodes):
        for number in range(files):
            path = folder / f"pve{node + 1}" / (f"syslog.{number}.gz" if number else "syslog.gz")
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(lines(size // (nodes * files), f"pve{node + 1}", every=every, storm=storm, seed=seed + number))
            path.write_bytes(gzip.compress(text.encode(), 6, mtime=0))
            paths.append(path)
    return paths


def main() -> None:
    """Generate from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--every", type=int, default=2_000, help="one line in this many is a known message (0: none)")
    parser.add_argument("--storm", action="store_true", help="all other lines are retransmits")
    options = parser.parse_args()
    size = options.megabytes << 20
    generate(options.folder, size=size, nodes=options.nodes, files=options.files, every=options.every, storm=options.storm)


if __name__ == "__main__":
    main()
