"""One pass over a log: what is found does not depend on how the bytes arrive, and damage is told, not suffered."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.events import Signature, SignatureIndex, scan_log
from pveforensics.events.scan.hints import Hints
from pveforensics.readings import Stamp

INDEX = SignatureIndex([
    Signature("quorum.lost", "lost", "s", r"\[QUORUM\] This node is within the non-primary component", programs=("corosync",)),
    Signature("retransmit", "retransmit", "s", r"\[TOTEM *\] Retransmit List: (?P<seqs>[0-9a-f ]+)", programs=("corosync",), storm=True),
    Signature("members", "members", "s", r"\[QUORUM\] Members\[(?P<n>\d+)\]:(?P<ids>[ \d]*)", programs=("corosync",)),
    Signature("crm", "crm", "s", r"status change (?P<from>\w+) => (?P<to>\w+)", programs=("pve-ha-crm",)),
    Signature("expired", "expired", "s", r"client \(PID (?P<client>\d+)\) watchdog expired", programs=("watchdog-mux",)),
    Signature("linux", "linux", "s", r"Linux version (?P<release>\S+)", programs=("kernel",)),
    Signature("task", "task", "s", r"starting task UPID:(?P<node>[^:]+):", programs=()),
])  # fmt: skip

LOST = "[QUORUM] This node is within the non-primary component and will NOT provide any services."


def scan(text, path="x", size=0, index=INDEX):
    data = text.encode() if isinstance(text, str) else text
    chunks = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return scan_log(path, chunks, index)


def kinds(result):
    return [record.kind for record in result.records]


def test_a_record_keeps_its_line_its_match_and_its_neighbours():
    result = scan(
        f"Mar 14 02:13:06 alpha a[1]: one\nMar 14 02:13:06 alpha a[1]: two\nMar 14 02:13:07 alpha corosync[15]:   {LOST}\nMar 14 02:13:08 alpha a[1]: x\n"
    )
    (record,) = result.records
    assert (record.line, record.host, record.program, record.pid, record.stamp.text) == (3, "alpha", "corosync", "15", "Mar 14 02:13:07")
    assert record.text[slice(*record.match)] == LOST[:54]
    assert record.before == ("Mar 14 02:13:06 alpha a[1]: one", "Mar 14 02:13:06 alpha a[1]: two")
    assert record.after == ("Mar 14 02:13:08 alpha a[1]: x",)
    assert (result.lines, result.recognized, dict(result.hosts), result.programs) == (4, 4, {"alpha": 4}, {"a", "corosync"})


def test_another_programs_words_are_not_taken():
    assert not scan(f"Mar 14 02:13:07 alpha logger[15]: {LOST}\n").records


def test_crlf_invalid_utf8_and_no_newline_at_the_end():
    result = scan(
        b"Mar 14 02:13:07 alpha x[1]: \xff\xfe\r\nMar 14 02:13:07 alpha corosync[15]: "
        + LOST.encode()
        + b"\r\nMar 14 02:13:08 alpha x[1]: end"
    )
    assert kinds(result) == ["lost"]
    assert result.records[0].text.endswith("services.")
    assert (result.lines, result.recognized) == (3, 3)


def test_nul_bytes_are_evidence_and_hide_nothing():
    result = scan(
        "Mar 14 02:13:07 alpha x[1]: a\n" + "\0" * 692 + f"Mar 14 02:20:07 alpha corosync[15]: {LOST}\nMar 14 02:20:08 alpha x[1]: b\n"
    )
    (run,) = result.nul_runs
    assert (run.line, run.length, run.before.text, run.after.text) == (2, 692, "Mar 14 02:13:07", "Mar 14 02:20:07")
    assert kinds(result) == ["lost"]
    assert result.records[0].line == 2
    assert result.lines == 3


def test_nul_bytes_at_the_end_have_nothing_behind_them():
    (run,) = scan("Mar 14 02:13:07 alpha x[1]: a\n" + "\0" * 9).nul_runs
    assert (run.length, run.after) == (9, None)


def test_a_repeated_message_counts():
    result = scan("Mar 14 02:13:07 alpha corosync[1]: message repeated 156 times: [   [TOTEM ] Retransmit List: 4a 4b]\n")
    (record,) = result.records
    assert (record.kind, record.count, record.fields["seqs"]) == ("retransmit", 156, "4a 4b")
    assert record.text[slice(*record.match)].endswith("4a 4b")


def test_last_message_repeated_counts_too():
    (record,) = scan(f"Mar 14 02:13:07 alpha corosync[1]: {LOST}\nMar 14 02:13:37 alpha last message repeated 3 times\n").records
    assert record.count == 4


def test_a_storm_is_one_record_a_minute():
    lines = [
        f"Mar 14 02:{13 + second // 60}:{second % 60:02} alpha corosync[1]:   [TOTEM ] Retransmit List: {second:x}" for second in range(120)
    ]
    result = scan("\n".join(lines))
    assert [(record.count, record.stamp.text[-5:], record.last.text[-5:]) for record in result.records] == [
        (60, "13:00", "13:59"),
        (60, "14:00", "14:59"),
    ]


def test_the_second_copy_of_corosync_2_is_dropped_and_true_repeats_are_not():
    text = f"Mar 14 02:13:07 alpha corosync[1]: notice  {LOST}\nMar 14 02:13:07 alpha corosync[1]:  {LOST}\n"
    assert kinds(scan(text)) == ["lost"]
    assert kinds(scan(text * 2)) == ["lost"] * 2
    assert kinds(scan(f"Mar 14 02:13:07 alpha corosync[1]:  {LOST}\n" * 2)) == ["lost"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "Mar 14 02:13:07 alpha pve-ha-crm[1]: status change startup =>\nwait_for_quorum\nMar 14 02:13:08 alpha x[1]: y\n",
        "Mar 14 02:13:07 alpha pve-ha-crm[1]: status change startup =>\n        wait_for_quorum\n",
        "Mar 14 02:13:07 alpha pve-ha-crm[1]: status change startup =3D>=20\nwait_for_quo=\nrum\n",
        "> Mar 14 02:13:07 alpha pve-ha-crm[1]: status\nchange startup => wait_for_quorum\n",
    ],
)
def test_a_wrapped_line_is_read_as_one(text):
    (record,) = scan(text).records
    assert (record.line, record.fields["from"], record.fields["to"]) == (1, "startup", "wait_for_quorum")
    assert record.text[slice(*record.match)].endswith("wait_for_quorum")


def test_what_stands_behind_a_blank_line_or_a_prompt_continues_nothing():
    head = "Mar 14 02:13:07 alpha pve-ha-crm[1]: status change startup =>\n"
    assert not scan(head + "\nwait_for_quorum\n").records
    assert not scan(head + "root@alpha:~# echo wait_for_quorum\n").records


def test_lines_without_any_stamp_give_records_without_a_moment():
    (bare, tagged) = scan(f"client (PID 3438) watchdog expired\n\ncorosync[12]:   {LOST}\n").records
    assert (bare.kind, bare.stamp, bare.program) == ("expired", None, "")
    assert (tagged.kind, tagged.stamp, tagged.pid) == ("lost", None, "12")


def test_two_records_on_one_physical_line():
    text = f"Mar 14 02:13:07 alpha corosync[1]: {LOST} Mar 14 02:13:09 alpha corosync[1]: [QUORUM] Members[2]: 1 2"
    first, second = scan(text).records
    assert (first.kind, first.stamp.text, second.kind, second.stamp.text) == ("lost", "Mar 14 02:13:07", "members", "Mar 14 02:13:09")
    assert second.text[slice(*second.match)] == "[QUORUM] Members[2]: 1 2"
    quoted = f"Mar 14 02:13:07 alpha logger[1]: said Mar 14 02:13:09 beta corosync[1]: {LOST}"
    assert not scan(quoted).records


def test_boot_separators_count_boots_and_end_runs():
    boot = "0123456789abcdef" * 2
    result = scan(
        f"Mar 14 02:13:07 alpha x[1]: a\n-- Boot {boot} --\nMar 14 02:13:37 alpha corosync[1]: {LOST}\n-- Reboot --\nMar 14 02:14:07 alpha x[1]: b\n"
    )
    assert kinds(result) == ["boot_separator", "lost", "boot_separator"]
    assert [record.boot for record in result.records] == [1, 1, 2]
    assert result.records[0].fields == {"boot_id": boot}
    assert result.records[1].boot_id == boot
    assert [(run.first_line, run.last_line, run.boot) for run in result.runs] == [(1, 1, 0), (3, 3, 1), (5, 5, 2)]


def test_runs_end_at_holes_and_at_steps_back_but_not_at_a_years_end():
    stamps = ["Dec 31 23:30:00", "Jan  1 00:10:00", "Jan  1 00:09:30", "Jan  1 03:00:00", "Jan  1 01:00:00"]
    result = scan("".join(f"{stamp} alpha x[1]: y\n" for stamp in stamps))
    assert [(run.first.text, run.last.text) for run in result.runs] == [
        ("Dec 31 23:30:00", "Jan  1 00:10:00"),
        ("Jan  1 03:00:00", "Jan  1 03:00:00"),
        ("Jan  1 01:00:00", "Jan  1 01:00:00"),
    ]


def test_a_log_may_change_from_traditional_to_rfc_3339():
    result = scan(f"Mar 14 02:13:07 alpha corosync[1]: {LOST}\n2026-03-14T02:14:07.000001+01:00 alpha corosync[1]: {LOST}\n")
    assert kinds(result) == ["lost", "lost"]
    assert result.format == "rfc3339+syslog"
    assert result.records[1].stamp.epoch_us == 1773450847_000001


def test_an_endless_line_is_cut_and_told():
    result = scan("Mar 14 02:13:07 alpha x[1]: " + "y" * (3 << 20) + f"\nMar 14 02:13:08 alpha corosync[1]: {LOST}\n", size=1 << 20)
    assert kinds(result) == ["lost"]
    assert result.records[0].line == 2
    assert "longer than 1 MiB" in result.problems[0]


UPID = "UPID:a:000003E0:000005E8:{:08X}:qmstart:100:root@pam:"
STARTS = re.compile(r"(?P<what>starting|end)? ?(?:task )?UPID:a:000003E0:000005E8:(?P<epoch>[0-9A-F]{8}):")


@given(st.lists(st.sampled_from(["starting", "end", " ", "task ", UPID, UPID, "UPID:", "x"]), max_size=12))
def test_a_task_that_begins_tells_its_moment_exactly(parts):
    text = "".join(part.format(0x69B4B5A3 + 7200 * at) for at, part in enumerate(parts))
    hints = Hints()
    hints.look(1, text, Stamp("Mar 14 02:13:07", month=3, day=14))
    told = [(hint.epoch_us, hint.exact) for hint in hints.found]
    assert told == [(int(found["epoch"], 16) * 1_000_000, found["what"] == "starting") for found in STARTS.finditer(text)]


def test_time_hints():
    result = scan(
        "Mar 14 02:13:07 alpha pvedaemon[1]: <root@pam> starting task UPID:alpha:000003E0:000005E8:69B4B5A3:qmstart:100:root@pam:\n"
        "Mar 14 02:13:08 alpha corosync[1]: [MAIN  ] Corosync main process was not scheduled (@1773450788123) for 2000.0 ms\n"
        "\n     Loaded: loaded (/lib/x)\n     Active: active (running) since Sat 2026-03-14 01:00:00 CET; 1h ago\n"
        "-- Logs begin at Sat 2026-03-14 00:00:00 CET, end at Sat 2026-03-14 03:00:00 CET. --\n"
    )
    assert [(hint.what, hint.epoch_us, hint.local, hint.zone, hint.exact) for hint in result.hints] == [
        ("upid", 0x69B4B5A3 * 1_000_000, "", "", True),
        ("corosync", 1773450788_123000, "", "", True),
        ("active", None, "2026-03-14 01:00:00", "CET", False),
        ("journal-begin", None, "2026-03-14 00:00:00", "CET", False),
        ("journal-end", None, "2026-03-14 03:00:00", "CET", False),
    ]


@pytest.mark.parametrize(
    ("path", "programs", "whole"),
    [
        ("syslog", "kernel systemd corosync sshd", True),
        ("syslog", "rsyslogd corosync", True),
        ("syslog", "corosync pmxcfs", False),
        ("auth.log", "sshd CRON sudo systemd-logind su", False),
        ("anything", "sshd CRON sudo systemd-logind su", False),
        ("kern.log", "kernel", False),
    ],
)
def test_whether_a_log_is_whole(path, programs, whole):
    assert scan("".join(f"Mar 14 02:13:07 alpha {name}[1]: x\n" for name in programs.split()), path).whole is whole


def json_entry(second, message, boot="a" * 32, **more):
    micros = str(1773450787_000000 + second * 1_000_000)
    fields = {
        "__REALTIME_TIMESTAMP": micros,
        "_HOSTNAME": "alpha",
        "SYSLOG_IDENTIFIER": "corosync",
        "_PID": "15",
        "_BOOT_ID": boot,
        "MESSAGE": message,
    }
    return {**fields, **more}


def test_journal_json():
    entries = [
        json_entry(0, f"  {LOST}"),
        json_entry(1, list(f"  {LOST}".encode())),
        json_entry(2, None),
        json_entry(3, f"  {LOST}", boot="b" * 32),
    ]
    result = scan("\n".join(map(json.dumps, entries)) + "\n{broken}\n")
    assert kinds(result) == ["lost", "lost", "boot_separator", "lost"]
    assert result.kind == "journal-json"
    assert [record.line for record in result.records] == [1, 2, 4, 4]
    assert result.records[0].text[slice(*result.records[0].match)] == LOST[:54]
    assert result.records[3].stamp.epoch_us == 1773450790_000000
    assert len(result.runs) == 2
    assert result.problems


def test_pretty_json_and_server_sent_events():
    pretty = scan("\n".join(json.dumps(json_entry(0, LOST), indent=8) for _ in range(2)))
    assert kinds(pretty) == ["lost", "lost"]
    assert '"MESSAGE"' in pretty.records[0].text
    assert kinds(scan("".join(f"data: {json.dumps(json_entry(0, LOST))}\n\n" for _ in range(2)))) == ["lost", "lost"]


def test_journal_verbose():
    head = f"Sat 2026-03-14 02:13:07.000000 CET [s={'c' * 32};i=1;b={'a' * 32};m=5;t={1773450787_000000:x};x=1]\n"
    fields = f"    _BOOT_ID={'a' * 32}\n    _HOSTNAME=alpha\n    SYSLOG_IDENTIFIER=corosync\n    MESSAGE=  {LOST}\n"
    result = scan(head + fields + head + fields, size=9)
    assert [(record.line, record.host, record.stamp.epoch_us) for record in result.records] == [
        (5, "alpha", 1773450787_000000),
        (10, "alpha", 1773450787_000000),
    ]
    assert result.kind == "journal-verbose"


def test_journal_export_with_binary_fields():
    message = f"{LOST}\nsecond line".encode()
    entry = b"__REALTIME_TIMESTAMP=1773450787000000\n_HOSTNAME=alpha\nSYSLOG_IDENTIFIER=corosync\n_BOOT_ID=" + b"a" * 32
    data = entry + b"\nMESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n\n" + entry + b"\nMESSAGE=" + LOST.encode() + b"\n\n"
    for size in (0, 1, 7):
        result = scan(data, size=size)
        assert kinds(result) == ["lost", "lost"]
        assert [record.line for record in result.records] == [5, 13]
        assert not result.problems


def test_a_binary_field_of_impossible_length_is_a_note():
    data = b"__REALTIME_TIMESTAMP=1773450787000000\nMESSAGE\n" + b"\xff" * 8 + b"x\n"
    assert scan(data).problems


ROWS = st.sampled_from([
    f"Mar 14 02:13:07 alpha corosync[15]:   {LOST}", "Mar 14 02:13:09 alpha corosync[15]:   [TOTEM ] Retransmit List: 4a", "  continued", "",
    "2026-03-14T02:14:07.000001+01:00 alpha kernel: [    0.000000] Linux version 6.8.12-4-pve (x)", "-- Reboot --", "\0\0\0\0", "…",
    "Mar 14 02:13:07 alpha pve-ha-crm[1]: status change startup =>", "wait_for_quorum", "> [QUORUM] Members[2]: 1 2", "\xe9\xff", "Jan 01 00:00:00 x y: z",
    "Mar 14 05:13:07 alpha corosync[15]: message repeated 3 times: [  [QUORUM] Members[2]: 1 2]", "\r", "     Active: x since Sat 2026-03-14 01:00:00 CET;",
])  # fmt: skip


@given(st.lists(ROWS, max_size=12), st.sampled_from(["\n", "\r\n", "\n\0\0\n", ""]), st.integers(1, 40))
@settings(max_examples=150)
def test_where_chunks_are_cut_makes_no_difference(rows, between, size):
    data = between.join(rows).encode("latin-1", "replace")
    assert scan(data, size=size) == scan(data)


@given(st.binary(max_size=400) | st.lists(ROWS, max_size=6).map(lambda rows: "\n".join(rows).encode("utf-16")), st.integers(1, 64))
@settings(max_examples=150)
def test_no_bytes_raise(data, size):
    assert scan(data, size=size).size == len(data)


@given(st.integers(0, 400), st.integers(0, 255), st.integers(1, 50))
@settings(max_examples=100)
def test_damaged_streams_do_not_raise(at, value, size):
    entry = b"__REALTIME_TIMESTAMP=1773450787000000\nMESSAGE\n" + (5).to_bytes(8, "little") + b"hello\n\n"
    lines = "\n".join(json.dumps(json_entry(second, LOST)) for second in range(2)).encode()
    for data in (entry * 3, lines):
        broken = bytearray(data)
        broken[at % len(data)] = value
        scan(bytes(broken), size=size)
        scan(data[: at % len(data)], size=size)
