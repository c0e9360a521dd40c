"""Locks: each value that a configuration may hold, each file and cluster lock that an action waits for; who holds it, and what removes it."""

from __future__ import annotations

import sqlite3

import pytest
from pve import EPOCH, case, fired, pack, tree, vm

from pveforensics.state.trackers.locks import SETTERS

NAS = "nas:100/a.qcow2"
TASKS = "alpha/var/log/pve/tasks/active"
QUIET = f"UPID:alpha:00002000:00002000:{EPOCH:08X}:qmstart:7:root@pam: 1 {EPOCH + 9:08X} OK\n"


def upid(kind, vmid, rest, start=EPOCH, ticks=0x2000, pid=0x1000):
    return f"UPID:alpha:{pid:08X}:{ticks:08X}:{start:08X}:{kind}:{vmid}:root@pam: {rest}\n"


def locked(lock, *, ct=False, **files):
    guest = vm(scsi0=NAS, lock=lock) if not ct else f"arch: amd64\nhostname: web\nlock: {lock}\nrootfs: nas:100/disk.raw\n"
    return tree(guest, kind="lxc" if ct else "qemu-server", resources=None) | {
        path.replace("__", "/"): text for path, text in files.items()
    }


def told(files):
    (found,) = [each for each in case(files, rules=False).history.intervals if each.state == "set"]
    return found.fields


# lock, container?, removed by a boot, removed by a recovery
VALUES = {
    "backup": (False, "yes", "yes"),
    "clone": (False, "no", "yes"),
    "create": (False, "no", "no"),
    "migrate": (False, "no", "yes"),
    "snapshot": (False, "no", "yes"),
    "snapshot-delete": (False, "no", "yes"),
    "rollback": (False, "no", "yes"),
    "suspending": (False, "no", "yes"),
    "suspended": (False, "no", "yes"),
    "disk": (True, "no", "no"),
    "fstrim": (True, "no", "no"),
    "mounted": (True, "no", "yes"),
    "destroyed": (True, "no", "no"),
    "import": (False, "no", "no"),
    "restore": (False, "no", "no"),
}


@pytest.mark.parametrize("lock", VALUES)
def test_what_removes_a_lock(lock):
    ct, boot, recovery = VALUES[lock]
    fields = told(locked(lock, ct=ct))
    assert (fields["boot_clears"], fields["recovery_clears"], fields["tool"]) == (boot, recovery, "pct" if ct else "qm")
    words = {("yes", "yes"): "The next boot", ("no", "yes"): "No boot", ("no", "no"): "Neither a boot"}[boot, recovery]
    assert fields["cleared"].startswith(words)
    assert fields["advice"]


@pytest.mark.parametrize("lock", sorted(SETTERS))
def test_a_lock_whose_task_runs_is_none_that_is_stuck(lock):
    task = min(SETTERS[lock])
    ct = task.startswith("vz") and lock != "backup"
    running, ended = (
        locked(lock, ct=ct) | {TASKS: QUIET + upid(task, "100", rest)} for rest in ("0", f"1 {EPOCH + 60:08X} interrupted by signal")
    )
    assert told(running)["held"] == "yes"
    assert told(ended)["held"] == "no"
    assert "lock-without-task" in fired(ended) - fired(running)


@pytest.mark.parametrize("lock", ["fstrim", "mounted", "destroyed", "import", "restore"])
def test_a_lock_without_a_task_is_left_open(lock):
    files = locked(lock, ct=True) | {TASKS: QUIET}
    assert told(files)["held"] == "unknown"
    assert "lock-without-task" not in fired(files)


BOOT = """\
Mar 14 02:00:00 alpha CRON[1]: (root) CMD (true)
Mar 14 02:10:00 alpha kernel: [    0.000000] Linux version 6.8.12-4-pve (build@proxmox) (gcc) #1 SMP
Mar 14 02:10:20 alpha systemd[1]: Started cron.service - Regular background program processing daemon.
"""


def proof(files):
    fields = told(files)
    return fields["held"], fields["proof"]


def test_a_task_of_an_earlier_boot_is_gone_by_the_log():
    assert proof(locked("backup") | {TASKS: upid("vzdump", "100", "0"), "alpha/var/log/syslog": BOOT}) == ("no", "yes")


def test_a_task_of_an_earlier_boot_is_gone_by_what_later_tasks_tell_of_theirs():
    """boot = start - pstart / 100: the task began 100 s after one boot, another an hour later 60 s after the next."""
    old = upid("vzdump", "100", "0", ticks=10_000)
    later = upid("qmstart", "7", f"1 {EPOCH + 3700:08X} OK", start=EPOCH + 3600, ticks=6_000, pid=0x1001)
    same = upid("qmstart", "7", f"1 {EPOCH + 3700:08X} OK", start=EPOCH + 3600, ticks=10_000 + 360_000, pid=0x1001)
    assert proof(locked("backup") | {TASKS: old + later}) == ("no", "yes")
    assert proof(locked("backup") | {TASKS: old + same}) == ("yes", "no")


def test_a_task_log_without_an_end_and_a_later_boot_prove_it_too():
    path = f"alpha/var/log/pve/tasks/{EPOCH % 16:X}/UPID:alpha:00001000:00002000:{EPOCH:08X}:vzdump:100:root@pam:"
    text = "INFO: starting new backup job: vzdump 100\nINFO: Starting Backup of VM 100 (qemu)\n"
    assert proof(locked("backup") | {path: text, TASKS: QUIET, "alpha/var/log/syslog": BOOT}) == ("no", "yes")
    assert proof(locked("backup") | {path: text, TASKS: QUIET}) == ("yes", "no")
    assert proof(locked("backup") | {path: text + "TASK ERROR: interrupted by signal\n", TASKS: QUIET}) == ("no", "no")


def test_a_backup_of_many_holds_only_the_guest_that_it_is_at():
    log = "Mar 14 01:00:{:02} alpha pvescheduler[1501]: INFO: {} Backup of VM {}\n"
    begun = log.format(10, "Starting", "100 (qemu)")
    over = begun + log.format(50, "Finished", "100 (00:00:40)") + log.format(51, "Starting", "101 (qemu)")
    tasks = {TASKS: QUIET + upid("vzdump", "", "0")}
    assert told(locked("backup") | tasks | {"alpha/var/log/syslog": begun})["held"] == "yes"
    assert told(locked("backup") | tasks | {"alpha/var/log/syslog": over})["held"] == "no"


def test_a_hibernated_guest_is_locked_by_right_as_long_as_its_image_is_there():
    image = "local-zfs:vm-100-state-suspend-2026-03-14"
    files = tree(vm(scsi0=NAS, lock="suspended", vmstate=image), resources=None)
    listed = "NAME  USED  AVAIL  REFER  MOUNTPOINT\nrpool/data/{}  1G  1G  1G  -\nrpool/data/vm-9-disk-0  1G  1G  1G  -\n"
    assert "lock-without-task" not in fired(files)
    assert "lock-without-task" not in fired(files | {"alpha/zfs.txt": listed.format("vm-100-state-suspend-2026-03-14")})
    assert "lock-without-task" in fired(files | {"alpha/zfs.txt": listed.format("vm-100-disk-0")})


@pytest.mark.parametrize(("version", "cleared"), [("3.0-4", "no"), ("3.0-5", "yes"), ("2.0-9", "no"), ("4.0.6", "yes")])
def test_old_recoveries_remove_fewer_locks(version, cleared):
    files = locked("snapshot") | {
        "alpha/pveversion.txt": f"proxmox-ve: 6.1-2 (running kernel: 5.3.10-1-pve)\npve-manager: 6.1-3\npve-ha-manager: {version}\nqemu-server: 6.1-2\n"
    }
    assert told(files)["recovery_clears"] == cleared


def test_when_the_configuration_was_last_written(tmp_path):
    from pveforensics.pipeline import analyze

    path = tmp_path / "alpha" / "config.db"
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE tree (inode INTEGER PRIMARY KEY NOT NULL, parent INTEGER NOT NULL, version INTEGER NOT NULL, writer INTEGER NOT NULL, mtime INTEGER NOT NULL, type INTEGER NOT NULL, name TEXT NOT NULL, data BLOB)"
    )
    rows = [
        (1, 0, 4, "nodes", None),
        (2, 1, 4, "alpha", None),
        (3, 2, 4, "qemu-server", None),
        (4, 3, 8, "100.conf", vm(scsi0=NAS, lock="backup").encode()),
    ]
    connection.executemany(
        "INSERT INTO tree VALUES (?, ?, 1, 1, ?, ?, ?, ?)",
        [(inode, parent, EPOCH, kind, name, data) for inode, parent, kind, name, data in rows],
    )
    connection.commit()
    connection.close()
    (found,) = [each for each in analyze([str(tmp_path)], pack()).history.intervals if each.state == "set"]
    assert found.fields["written"] == "2026-03-14 01:00:00 UTC"


# --- lock files and locks of the cluster -----------------------------------------------------------

FILES = ("/var/lock/qemu-server/lock-100.conf", "/run/lock/lxc/pve-config-100.lock", "/var/run/vzdump.lock")


def waits(line, times):
    return {
        "alpha/var/log/syslog": "".join(f"Mar 14 01:{minute:02}:00 alpha pvedaemon[1600]: {line}\n" for minute in range(0, 3 * times, 3))
    }


@pytest.mark.parametrize("path", FILES)
def test_a_lock_file_is_held_for_long_only_if_several_actions_wait_in_vain(path):
    line = f"can't lock file '{path}' - got timeout"
    assert "lock-file-timeout" in fired(waits(line, 3))
    assert "lock-file-timeout" not in fired(waits(line, 1))


def test_replication_that_waits_for_a_migration_is_no_failure():
    line = "100-0: got unexpected replication job error - can't lock file '/var/lock/pve-manager/pve-migrate-100' - got timeout"
    assert fired(waits(line, 9)) == set()


@pytest.mark.parametrize("name", ["storage-nas", "file-replication_cfg", "domain-ha", "file-user_cfg"])
def test_a_lock_of_the_cluster_that_nobody_gives_back(name):
    line = (
        f"trying to acquire cfs lock '{name}' ...\nMar 14 01:00:10 alpha pvedaemon[1600]: error during cfs-locked '{name}' operation: {{}}"
    )
    assert "cfs-lock-timeout" in fired(waits(line.format("got lock request timeout"), 1))
    assert "cfs-lock-timeout" not in fired(waits(line.format("no quorum!"), 1))


def test_which_boot_removed_a_lock():
    line = "Mar 14 01:00:{:02} alpha pve-guests[1700]: {}\n"
    assert "backup-lock-left-over" in fired({"alpha/var/log/syslog": line.format(1, "removed left over backup lock from '100'!")})
