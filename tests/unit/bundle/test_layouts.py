import pytest

from pveforensics.bundle import node_hint


@pytest.mark.parametrize(
    ("path", "bundle", "hint"),
    [
        ("pve1/var/log/syslog", "bundle.tgz", "pve1"),
        ("cluster-logs/pve1/var/log/syslog", "x.tgz", "pve1"),
        ("pve1/etc/hostname", "bundle.tgz", "pve1"),
        ("pve-a/var/log/syslog", "bundle.tgz", "pve-a"),
        ("node-01/var/log/syslog", "bundle.tgz", "node-01"),
        ("pve/var/log/syslog", "bundle.tgz", "pve"),
        ("pve1/commands/pvecm-status.txt", "pve1.tgz", "pve1"),
        ("pve/commands/pvecm-status.txt", "all.tar", "pve"),
        ("pve/collect/manifest.tsv", "all.tar", "pve"),
        ("commands/pvecm-status.txt", "bundle.tgz", ""),
        ("alpha.example.com/var/log/syslog", "bundle.tgz", "alpha"),
        ("var/log/syslog", "pve2.tar.gz", "pve2"),
        ("var/log/syslog", "pve2-2026-03-14.tar.gz", "pve2"),
        ("var/log/syslog", "pve2_logs_20260314-0213.tgz", "pve2"),
        ("var/log/syslog", "logs.tgz", ""),
        ("var/log/journal/0123456789abcdef0123456789abcdef/system.journal", "beta.zip", "beta"),
        ("etc/pve/nodes/gamma/lxc/100.conf", "beta.tar", "beta"),
        ("outer-pve2.tgz/var/log/syslog", "all.tar", "pve2"),
        ("pve1-syslog.log", "pve1-syslog.log", "pve1"),
        ("alpha_journal_2026-03-14.txt.gz", "x.zip", "alpha"),
        ("syslog.1.gz", "syslog.1.gz", ""),
        ("journal.txt", "gamma.zip", "gamma"),
        ("pvecm status.txt", "logs.zip", ""),
        ("delta/pvecm status.txt", "logs.zip", "delta"),
        ("delta/logs/journal.txt", "logs.zip", "delta"),
        ("dumps/20260314T111424.723Z-during-quorumtool-s.txt", "pve1", "pve1"),
        ("console.log", "pve1", "pve1"),
        ("journal/user.log", "rack-pve-nd01.tgz", "rack-pve-nd01"),
        ("pve2-syslog.log", "pve1.tgz", "pve2"),
        ("beta-syslog.log", "case-7.zip", "beta"),
        ("dmesg-T.txt", "alpha", "alpha"),
        ("kern.txt", "pve", "pve"),
        ("kern.txt", "proxmox.zip", "proxmox"),
        ("kern.txt", "logs", ""),
        ("kern.txt", "bundle", ""),
        ("kern.txt", "server", ""),
        ("-", "-", ""),
        ("stdin", "stdin", ""),
        ("", "", ""),
        ("var", "var", ""),
    ],
)
def test_node_hint(path, bundle, hint):
    assert node_hint(path, bundle) == hint
