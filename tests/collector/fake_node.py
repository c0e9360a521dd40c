"""A Proxmox VE node that is not one: a tree of files, and a PATH of stubs beside the tools that every Debian has."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from pveforensics.collector import script

SECRET = "Pl4nted-S3cret"
SHELL = shutil.which("dash") or "/bin/sh"
TOOLS = [
    "sh",
    "awk",
    "cat",
    "cmp",
    "cp",
    "cut",
    "date",
    "df",
    "dirname",
    "find",
    "grep",
    "gzip",
    "head",
    "id",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "tail",
    "tar",
    "timeout",
    "touch",
    "tr",
    "xargs",
    "sqlite3",
]
"""What Debian has on every machine (sqlite3 comes with pve-cluster)."""

COROSYNC = """totem {
  cluster_name: demo
  config_version: 5
  token: 10000
  version: 2
}
nodelist {
  node {
    name: alpha
    nodeid: 1
    quorum_votes: 1
    ring0_addr: 192.0.2.11
  }
  node {
    name: beta
    nodeid: 2
    quorum_votes: 1
    ring0_addr: 192.0.2.12
  }
  node {
    name: gamma
    nodeid: 3
    quorum_votes: 1
    ring0_addr: 192.0.2.13
  }
}
quorum {
  provider: corosync_votequorum
}
"""
QUORUM = """Quorum information
------------------
Date:             Sun Mar 15 10:00:00 2026
Quorum provider:  corosync_votequorum
Nodes:            1
Node ID:          0x00000001
Ring ID:          1.2c
Quorate:          No

Votequorum information
----------------------
Expected votes:   3
Highest expected: 3
Total votes:      1
Quorum:           2 Activity blocked
Flags:

Membership information
----------------------
    Nodeid      Votes Name
0x00000001          1 192.0.2.11 (local)
"""
CFGTOOL = """Local node ID 1, transport knet
LINK ID 0 udp
	addr	= 192.0.2.11
	status:
		nodeid:          1:	localhost
		nodeid:          2:	disconnected
		nodeid:          3:	disconnected
"""
SNAPSHOTS = """NAME                                        GUID  CREATION  USED  REFER
rpool/data/vm-100-disk-0@__replicate_100-0_1773565200__  1234567890123456789  1773565200  0  4096
"""
SYSLOG = "".join(
    f"Mar 15 09:{minute:02}:{second:02} {{node}} {text}\n"
    for minute, second, text in (
        (0, 1, "systemd[1]: Started Proxmox VE replication runner."),
        (10, 2, "corosync[1532]:   [QUORUM] This node is within the non-primary component and will NOT provide any services."),
        (10, 3, "pmxcfs[1411]: [status] notice: node lost quorum"),
        (20, 1, "CRON[2201]: (root) CMD (true)"),
    )
)

FILES = {
    "etc/hostname": "{node}\n",
    "etc/timezone": "Europe/Berlin\n",
    "etc/hosts": "127.0.0.1 localhost\n192.0.2.11 {node}.example.com {node}\n",
    "etc/corosync/corosync.conf": COROSYNC,
    "etc/corosync/authkey": SECRET,
    "etc/network/interfaces": f"auto vmbr0\niface vmbr0 inet static\n\taddress 192.0.2.11/24\n\twpa-psk {SECRET}\n",
    "etc/network/interfaces.d/wg0": f"PrivateKey = {SECRET}\nPresharedKey={SECRET}\n",
    "etc/vzdump.conf": f"script: /x\npbs-encryption-key {SECRET}\n",
    "etc/fstab": f"//nas/share /mnt/share cifs username=backup,password={SECRET} 0 0\n",
    "etc/pve/corosync.conf": COROSYNC,
    "etc/pve/datacenter.cfg": f"keyboard: de\nhttp_proxy: http://proxy:{SECRET}@192.0.2.9:3128\n# {SECRET}\n",
    "etc/pve/storage.cfg": f"zfspool: local-zfs\n\tpool rpool/data\n\tcontent images\n\ncifs: nas\n\tserver nas\n\tshare x\n\tapi_password {SECRET}\n\npbs: away\n\tserver b\n\tencryption-key {SECRET}\n\ttruenas_apikey={SECRET}\n",
    "etc/pve/status.cfg": f"influxdb: m\n\tserver m\n\ttoken {SECRET}\n\turl https://u:{SECRET}@m/?a=1&secret={SECRET}\n",
    "etc/pve/replication.cfg": "local: 100-0\n\ttarget beta\n",
    "etc/pve/user.cfg": f"user:root@pam:1:0:::{SECRET}:\n",
    "etc/pve/priv/storage/nas.pw": SECRET,
    "etc/pve/priv/authkey.key": SECRET,
    "etc/pve/priv/token.cfg": SECRET,
    "etc/pve/priv/shadow.cfg": SECRET,
    "etc/pve/pve-www.key": SECRET,
    "etc/pve/sdn/ipams.cfg": f"netbox: x\n\ttoken {SECRET}\n",
    "etc/pve/a-plugin-of-tomorrow.cfg": SECRET,
    "etc/pve/ha/resources.cfg": "vm: 100\n\tstate started\n",
    "etc/pve/ha/manager_status": '{"master_node":"beta","node_status":{"alpha":"unknown"},"service_status":{},"timestamp":1773564000}',
    "etc/pve/nodes/{node}/lrm_status": '{"mode":"active","results":{},"state":"wait_for_agent_lock","timestamp":1773564000}',
    "etc/pve/nodes/{node}/pve-ssl.key": SECRET,
    "etc/pve/nodes/{node}/qemu-server/100.conf": (
        f"# root password is {SECRET}\nname: web\ncores: 2\ncipassword: {SECRET}\nsshkeys: {SECRET}\nscsi0: local-zfs:vm-100-disk-0,size=8G\n"
    ),
    "etc/pve/nodes/{node}/lxc/200.conf": f"hostname: mail\narch: amd64\nlxc.environment: PASSWORD={SECRET}\nrootfs: local-zfs:subvol-200-disk-0\n",
    "etc/pve/.members": '{"nodename":"{node}","version":4,"cluster":{"name":"demo","version":5,"nodes":3,"quorate":0},"nodelist":{}}',
    "var/lib/pve-cluster/config.db": SECRET,
    "var/log/syslog": SYSLOG,
    "var/log/auth.log": SECRET,
    "var/log/pveproxy/access.log": SECRET,
    "var/log/pve/tasks/index": "UPID:{node}:00001234:00005678:69B65700:vzdump:100:root@pam: 69B65800 OK\n",
    "var/log/pve/tasks/0/UPID:{node}:00001234:00005678:69B65700:vzdump:100:root@pam:": "INFO: starting new backup job\nTASK OK\n",
    "var/log/pve/tasks/0/an evil\nname": "x",
    "var/log/pve/replicate/-rf; touch pwned $(touch pwned)": "x",
    "var/log/apt/history.log": "Start-Date: 2026-03-14  06:00:00\nCommandline: apt upgrade\nUpgrade: corosync:amd64 (3.1.7, 3.1.9)\nEnd-Date: 2026-03-14  06:01:00\n",
    "var/lib/pve-manager/pve-replication-state.json": '{"100":{"local/beta":{"last_sync":1773565200,"fail_count":0}}}',
}
STUBS = {
    "uname": "echo {node}.example.com",
    "pvecm": f'[ "$1" = status ] || exec sleep 60\ncat <<"X"\n{QUORUM}X',
    "corosync-cfgtool": f'[ "$1" = -s ] || exit 1\ncat <<"X"\n{CFGTOOL}X',
    "pvesm": "echo 'storage nas: unable to activate, password={secret}' >&2; exit 255",
    "pvesr": "[ $1 = status ] || exit 0; trap '' TERM; sleep 60",
    "zfs": f'case $* in *snapshot*) cat <<"X"\n{SNAPSHOTS}X\n;; esac',
    "ha-manager": "printf 'quorum No quorum on node {node}!\\nmaster beta (old timestamp - dead?, Sun Mar 15 09:00:00 2026)\\nlrm alpha (active, Sun Mar 15 09:00:00 2026)\\n'",
    "qm": "printf '      VMID NAME                 STATUS     MEM(MB)    BOOTDISK(GB) PID\\n       100 web                  stopped    2048               8.00 0\\n'",
    "journalctl": "echo ' 0 0123456789abcdef0123456789abcdef Sun 2026-03-15 08:00:00 CET—Sun 2026-03-15 10:00:00 CET'",
}
"""What the node's commands do: one hangs and heeds no TERM, one fails, most are not installed."""


class Node(NamedTuple):
    """A fake node: its root, its PATH, and what to call."""

    name: str
    root: Path
    path: Path
    home: Path

    def environment(self):
        (self.home / "tmp").mkdir(exist_ok=True)
        return {"PATH": str(self.path), "PVEFORENSICS_ROOT": str(self.root), "TMPDIR": str(self.home / "tmp"), "TZ": "Europe/Berlin"}

    def collect(self, *arguments):
        """Run the script as ssh would that gets it through a pipe."""
        return subprocess.run(
            [SHELL, "-s", "--", "--since", "2026-03-01", "--command-limit", "2", *arguments],
            input=script(), cwd=self.home, env=self.environment(), capture_output=True, check=False, timeout=120,
        )  # fmt: skip

    def bundle(self, name, *arguments):
        """The archive that the script makes."""
        done = self.collect("-o", name, *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return self.home / name


def build(home, name="alpha", files=None, stubs=None):
    """A fake node in a folder; a file or stub that is None is left out."""
    root, path = home / "root", home / "path"
    for place, text in {**FILES, **(files or {})}.items():
        if text is None:
            continue
        file = root / place.replace("{node}", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.replace("{node}", name).encode())
        os.utime(file, (1773565800, 1773565800))
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    path.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (path / tool).symlink_to(found)
    for command, text in {**STUBS, **(stubs or {})}.items():
        if text is None:
            continue
        (path / command).unlink(missing_ok=True)
        (path / command).write_text("#!/bin/sh\n" + text.replace("{node}", name).replace("{secret}", SECRET) + "\n")
        (path / command).chmod(0o755)
    return Node(name, root, path, home)


def tree(folder):
    """Name, size and time of everything in a folder."""
    return {str(each): (each.lstat().st_size, each.lstat().st_mtime_ns) for each in folder.rglob("*")}
