"""Every shape of log line is told from every other, and its parts come out as they stand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.events.formats import FORMATS, LineReader, recognize

# name of the format -> (line, host, program, pid, start of the message)
SAMPLES = {
    "syslog": ("Mar  4 02:13:07 alpha pmxcfs[1411]: [status] notice: node lost quorum", "alpha", "pmxcfs", "1411", "[status]"),
    "rfc3339": ("2026-03-14T02:13:07.482913+01:00 alpha pve-ha-lrm[1820]: watchdog active", "alpha", "pve-ha-lrm", "1820", "watchdog"),
    "rfc5424": ("<29>1 2026-03-14T02:13:07.193667+00:00 alpha pmxcfs 38 - -  [main] notice: x", "alpha", "pmxcfs", "38", " [main]"),
    "short-precise": (
        "Mar 14 02:13:07.482913 alpha corosync[1532]:   [KNET  ] rx: host: 2 link: 0 is up",
        "alpha",
        "corosync",
        "1532",
        "  [KNET",
    ),
    "short-iso": ("2026-03-14T02:13:07+0100 alpha systemd[1]: Reached target Shutdown.", "alpha", "systemd", "1", "Reached"),
    "short-full": ("Sat 2026-03-14 02:13:07 CET alpha corosync.service[1532]:   [TOTEM ] x", "alpha", "corosync", "1532", "  [TOTEM"),
    "short-unix": ("1773450787.482913 alpha sshd[99]: Server listening", "alpha", "sshd", "99", "Server"),
    "short-monotonic": ("[ 7998.259409] alpha sshd[99]: Server listening", "alpha", "sshd", "99", "Server"),
    "short-localised": ("мар 14 02:13:07 alpha pmxcfs[1411]: [dcdb] notice: all data is up to date", "alpha", "pmxcfs", "1411", "[dcdb]"),
    "corosync": ("Mar 14 02:13:07.482 [1532] alpha corosync notice  [TOTEM ] A processor failed", "alpha", "corosync", "1532", "[TOTEM"),
    "pacemaker": ("Mar 14 02:13:07 [4178] alpha      crmd:     info: peer_update: gone", "alpha", "crmd", "4178", "info:"),
    "firewall": (
        "0 6 PVEFW-HOST-IN 14/Mar/2026:02:13:07 +0100 policy DROP: IN=vmbr0 SRC=192.0.2.12 DST=192.0.2.11",
        "",
        "pvefw-logger",
        "",
        "0 6 PVEFW",
    ),
    "access": (
        '::ffff:192.0.2.40 - root@pam [14/03/2026:02:13:07 +0100] "POST /api2/extjs/nodes/beta/qemu/101/status/start HTTP/1.1" 200 60',
        "",
        "pveproxy",
        "",
        "::ffff",
    ),
    "dmesg-time": ("[Sat Mar 14 02:13:07 2026] e1000e 0000:00:1f.6 eno1: Detected Hardware Unit Hang", "", "kernel", "", "e1000e"),
    "corosync-bare": ("Mar 14 02:13:07 debug   [VOTEQ ] flags: quorate: Yes", "", "corosync", "", "[VOTEQ"),
    "hostless": ("Mar 14 02:13:07 corosync[1321]:   [QUORUM] Members[2]: 1 2", "", "corosync", "1321", "  [QUORUM"),
    "host-with-blanks": ("Mar 14 02:13:07 node  02 corosync[1321]:  [KNET  ] link: host: 1", "node  02", "corosync", "1321", " [KNET"),
    "dmesg": ("[44340.409058] BUG: unable to handle page fault", "", "kernel", "", "BUG"),
    "dmesg-iso": ("2026-03-14T02:13:07,123456+01:00 usb 1-1 disconnected", "", "kernel", "", "usb"),
    "message-only": ("Mar 14 02:13:07  node 'beta': state changed from 'online' => 'unknown'", "", "", "", "node 'beta'"),
    "time-only": ("02:13:07 alpha corosync[1321]:   [QUORUM] Members[2]: 1 2", "alpha", "corosync", "1321", "  [QUORUM"),
    "time-only-hostless": ("02:13:07 corosync[1321]:   [QUORUM] Members[2]: 1 2", "", "corosync", "1321", "  [QUORUM"),
    "corosync-unstamped": ("[1532] alpha corosyncnotice  [TOTEM ] A processor failed", "alpha", "corosync", "1532", "[TOTEM"),
    "corosync-tag": ("[QUORUM] Members[2]: 1 2", "", "corosync", "", "[QUORUM"),
    "unstamped": ("corosync[12]:   [QUORUM] Members[2]: 1 2", "", "corosync", "12", "  [QUORUM"),
}


def test_every_format_has_a_sample():
    assert set(SAMPLES) == {shape.name for shape in FORMATS}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_line_gives_its_parts(name):
    text, host, program, pid, message = SAMPLES[name]
    shape, line = LineReader().read(text)
    assert (shape.name, line.host, line.program, line.pid) == (name, host, program, pid)
    assert line.message.startswith(message)
    assert text[line.message_offset :] == line.message


@pytest.mark.parametrize("name", SAMPLES)
def test_every_other_format_scores_lower(name):
    text = SAMPLES[name][0]
    scores = {shape.name: shape.score([text]) for shape in FORMATS}
    own = scores.pop(name)
    assert own > 0
    assert own > max(scores.values())


@pytest.mark.parametrize("name", SAMPLES)
def test_two_lines_under_a_generic_name_are_enough(name):
    text = SAMPLES[name][0]
    seen = recognize(f"{text}\n{text}".encode(), "x.txt")
    assert seen.formats == (name,)
    assert seen.score >= 0.1


@pytest.mark.parametrize(
    "prefix", ["# ", "> ", "\t", "   ", "  17 ", "17: ", "/var/log/syslog:17:", "syslog.1:", "<30>", "- ", "* `", '"', "| ", "> > ", "17\t"]
)
@pytest.mark.parametrize("name", ["syslog", "rfc3339", "corosync", "short-localised", "dmesg-time"])
def test_what_people_paste_in_front_is_no_hindrance(prefix, name):
    text, host, program, pid, message = SAMPLES[name]
    _, line = LineReader().read(prefix + text)
    assert (line.host, line.program, line.pid) == (host, program, pid)
    assert line.message.startswith(message)
    assert (prefix + text)[line.message_offset :].startswith(line.message)


@pytest.mark.parametrize(
    ("written", "month", "day"),
    [
        ("Mär 14", 3, 14), ("mars 14", 3, 14), ("févr. 03", 2, 3), ("ene 03", 1, 3), ("mag 03", 5, 3), ("dez 03", 12, 3), ("mrt 03", 3, 3),
        ("paź 21", 10, 21), ("июл 21", 7, 21), ("ноя 21", 11, 21), ("říj 21", 10, 21), ("maj 21", 5, 21), ("kesä 21", 6, 21),
        ("szept 21", 9, 21), ("Ağu 21", 8, 21), ("лют 21", 2, 21), ("11月 21", 11, 21), ("9 月 16 日", 9, 16), ("noi 05", 11, 5),
    ],
)  # fmt: skip
def test_months_of_other_languages(written, month, day):
    shape, line = LineReader().read(f"{written} 02:13:07 alpha corosync[1]: x")
    assert shape.name == "short-localised"
    assert (line.stamp.month, line.stamp.day, line.stamp.second_of_day) == (month, day, 7987)


@pytest.mark.parametrize(
    ("text", "epoch_us"),
    [
        ("2026-03-14T02:13:07.5+01:00", 1773450787_500000),
        ("2026-03-14T01:13:07Z", 1773450787_000000),
        ("2026-03-14 02:13:07+0100", 1773450787_000000),
        ("Sat 2026-03-14 01:13:07 UTC", 1773450787_000000),
        ("1773450787.000000", 1773450787_000000),
    ],
)
def test_a_stamp_with_an_offset_is_a_moment(text, epoch_us):
    assert LineReader().read(f"{text} alpha sshd[1]: x")[1].stamp.epoch_us == epoch_us


def test_a_stamp_without_an_offset_stays_local():
    stamp = LineReader().read("Sat 2026-03-14 02:13:07 CET alpha sshd[1]: x")[1].stamp
    assert (stamp.epoch_us, stamp.year, stamp.month, stamp.day, stamp.zone) == (None, 2026, 3, 14, "CET")
    stamp = LineReader().read("2026-03-14 02:13:07 alpha sshd[1]: x")[1].stamp
    assert (stamp.epoch_us, stamp.year, stamp.zone) == (None, 2026, "")


@pytest.mark.parametrize("stamp", ["Feb 30 02:13:07", "Mar 14 25:13:07", "Foo 14 02:13:07", "Mar 14 02:61:07"])
def test_an_impossible_time_is_no_stamp(stamp):
    assert LineReader().read(f"{stamp} alpha corosync[1]: x") is None or LineReader().read(f"{stamp} alpha corosync[1]: x")[1].stamp is None


def test_a_leap_day_without_a_year_is_possible():
    assert LineReader().read("Feb 29 02:13:07 alpha sshd[1]: x")[1].stamp.day == 29


def test_the_kernels_uptime_is_no_part_of_its_message():
    text = "Mar 14 02:20:31 alpha kernel: [   12.345678] Linux version 6.8.12-4-pve (build@proxmox)"
    line = LineReader().read(text)[1]
    assert (line.uptime_us, line.message[:13]) == (12_345_678, "Linux version")
    assert text[line.message_offset :] == line.message


def test_one_file_may_change_its_shape():
    reader = LineReader()
    names = [reader.read(SAMPLES[name][0])[0].name for name in ("syslog", "syslog", "rfc3339", "message-only", "syslog")]
    assert names == ["syslog", "syslog", "rfc3339", "message-only", "syslog"]


@pytest.mark.parametrize(
    "text",
    [
        "totem {\n  version: 2\n  token: 3000\n}\n",
        "Quorum information\n------------------\nDate:             Sat Mar 14 02:13:07 2026\nNodes:            3\n",
        '{"start": "2026-03-14T02:13:07Z", "x": 1}\n',
        "total 4264\n-rw------- 1 root root  180224 Sep  1 13:39 config.db\n",
        "This is a letter about nothing.\n",
    ],
)
def test_what_is_no_log_scores_nothing(text):
    assert recognize(text.encode(), "syslog").score < 0.1


@pytest.mark.parametrize(
    ("head", "path", "kind"),
    [
        (SAMPLES["syslog"][0], "a/var/log/kern.log.1", "kern.log"),
        (SAMPLES["syslog"][0], "a/journal.txt", "journal"),
        (SAMPLES["syslog"][0] + "\n-- Reboot --\n", "x", "journal"),
        (SAMPLES["corosync"][0], "x", "corosync.log"),
        (
            "● pve-cluster.service - x\n     Loaded: loaded (/lib; enabled)\n     Active: active (running) since x\n\n"
            + SAMPLES["syslog"][0],
            "x",
            "systemctl-status",
        ),
        ('{"__REALTIME_TIMESTAMP":"1773450787000000","MESSAGE":"x"}', "x", "journal-json"),
        ('data: {"__REALTIME_TIMESTAMP":"1773450787000000","MESSAGE":"x"}', "x", "journal-json"),
        ("__CURSOR=s=1\n__REALTIME_TIMESTAMP=1773450787000000\nMESSAGE=x\n\n", "x", "journal-export"),
        ("LPKSHHRH\0\0\0\0", "x", "journal-binary"),
    ],
)
def test_the_kind_of_a_file(head, path, kind):
    assert recognize(head.encode(), path).kind == kind


@given(
    st.text(max_size=300)
    | st.sampled_from([sample[0] for sample in SAMPLES.values()]).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda cut: text[:cut] + "\x00" + text[cut // 2 :])
    )
)
@settings(max_examples=200)
def test_no_text_raises(text):
    reader = LineReader()
    found = reader.read(text)
    assert found is None or 0 <= found[1].message_offset <= len(text)


@given(st.binary(max_size=500))
@settings(max_examples=100)
def test_no_head_raises(head):
    assert 0 <= recognize(head, "x").score <= 1
