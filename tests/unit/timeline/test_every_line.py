"""`timeline --all`: every line of every log, in order of time, as the slow twin reads them one by one."""

import contextlib
import gzip
import os
import random
from pathlib import Path
from unittest import mock

import journal_files
import line_by_line
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pveforensics.errors import UsageError
from pveforensics.events.scan import fast
from pveforensics.events.scan.pieces import pieces
from pveforensics.model import Options
from pveforensics.rulepack import load_pack
from pveforensics.timeline import blocks, lines, moments, order, sink, spool
from pveforensics.timeline.files import rows_of
from pveforensics.timeline.stream import Request, open_timeline

SCENARIOS = Path(__file__).parents[2] / "fixtures" / "scenarios"
NAMES = ("time", "basis", "error_s", "node", "program", "pid", "message", "path", "line", "kind")
NEWEST = 1_773_500_000
"""File times: 14 March 2026."""

MESSAGES = [
    "pvestatd[1201]: auth key pair too old, rotating..", "CRON[{pid}]: pam_unix(cron:session): session closed for user root", "kernel: [12345.678901] eno1: x",
    "systemd[1]: Started session-4.scope - Session 4 of User root.", "corosync[15]:   [TOTEM ] Retransmit List: 4a 4b", "logger: ", "kernel: no time",
    "pve-ha-crm[8]: status change slave => master", "python3[99]: Grüße", "a:b[3]: x", "x y[3]: z", "systemd[12345678]: Started a.", "foo(bar)[3]: x", "logger[{pid}]: \ttab",
    "a-program-whose-name-is-longer-than-any-column[4]: x", "x[0]: zero", "x[99999999999]: no such process", "pvestatd[1201]: " + "x" * 300, "é[3]: z",
]  # fmt: skip
LOOSE = [
    "  continued", "", "   ", "-- Reboot --", "\r", "\0" * 40, "before\0\0behind", "\tat Foo::bar line 3", "Feb 31 02:13:07 alpha x[1]: y", "…", "y" * 9_000,
    "Mar 14 02:13:60 alpha x[1]: y", "2026-03-14T02:13:07,123456+01:00 alpha x[1]: y", "[   12.345678] dmesg alone", "systemd[1]: no stamp", "12:13:14 alpha x[1]: y",
    "Fri 2026-03-13 12:21:06 CET alpha x[1]: full", "Mar 13 01:02:03.123 [1533] alpha corosync notice  [TOTEM ] x", "1773400000.123456 alpha x[1]: unix",
]  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


PACK = load_pack()


def stamp(kind, at):
    import datetime

    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    if kind == "bsd":
        return f"{MONTHS[moment.month - 1]} {moment.day:2} {moment:%H:%M:%S}"
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + {"iso": f".{at * 7919 % 1_000_000:06}+00:00", "zulu": "Z", "short": "+0000"}[kind]


def text_of(seed, *, count=300, kinds=("bsd", "iso", "short", "zulu"), end=NEWEST - 4_000, host="alpha"):
    draw = random.Random(seed)
    kind, at, rows = draw.choice(kinds), end - 20 * count, []
    loose = draw.choice([0, 0.02, 0.2])
    hosts = draw.choice([[host], [host, host, "delta", "epsilon.example.net"]])
    while len(rows) < count:
        at += draw.choice([0, 0, 0, 1, 1, 5, 40])
        if draw.random() < 0.01:
            at += draw.choice([-3, -100, -500, -9_000, 4_000])
            kind = draw.choice([kind, kind, draw.choice(kinds)])
        if draw.random() < loose:
            rows.append(draw.choice(LOOSE))
            continue
        message = draw.choice(MESSAGES).format(pid=draw.randrange(1, 9_999_999))
        rows.append(f"{stamp(kind, min(at, end))} {draw.choice(hosts)} {message}{draw.choice(['', '', ' ', chr(13)])}")
    between = draw.choice(["\n", "\n", "\r\n"])
    return between.join(rows).encode() + draw.choice([b"", b"\n", b"\xff\xe2\x82", b"\nMar 1"])


def bundle(folder, files):
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(data) if path.endswith(".gz") else data)
        os.utime(target, (NEWEST, NEWEST))
    return folder


def every_line(folder, options=Options(), **narrowed):
    with open_timeline([str(folder)], PACK, Request(every_line=True, **narrowed), options) as stream:
        return [tuple(row[name] for name in NAMES) for batch in stream.batches for row in rows_of(batch)]


def the_same(folder, options=Options()):
    found = every_line(folder, options)
    assert found == line_by_line.rows(folder, PACK.signatures, options)
    times = [row[0] for row in found if row[0] is not None]
    assert times == sorted(times)
    return found


@contextlib.contextmanager
def small_blocks(size, block=None, fewest=1_000):
    """Pages of this size, and blocks of that many bytes, cut where another sum dates at least so many lines."""

    def cut(chunks, _, join):
        return pieces((chunk[at : at + size] for chunk in chunks for at in range(0, len(chunk), size)), join=join)

    with (
        mock.patch("pveforensics.events.scan.SHORT", 1),
        mock.patch.multiple(fast, LEAST=1, pieces=cut),
        mock.patch.multiple(sink, BLOCK=block or size, FEWEST=fewest),
    ):
        yield


SMALL = {"suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@given(
    st.integers(0, 1 << 32),
    st.sampled_from([1 << 20, 3_000, 9_000]),
    st.sampled_from([1 << 20, 2_000]),
    st.sampled_from([1_000, 1, 10]),
    st.sampled_from([192 << 20, 20_000]),
)
@settings(max_examples=30, **SMALL)
def test_any_texts_give_the_rows_that_line_by_line_gives(tmp_path_factory, seed, page, block, fewest, held):
    files = {
        "alpha/var/log/syslog.1.gz": text_of(seed, end=NEWEST - 9_000),
        "alpha/var/log/syslog": text_of(seed + 1),
        "beta/var/log/syslog": text_of(seed + 2, host="beta"),
    }
    sweep = order.sweep
    with (
        small_blocks(page, block, fewest),
        mock.patch.object(lines, "ROWS", 100),
        mock.patch.object(lines, "sweep", lambda spooled, blocks: sweep(spooled, blocks, held)),
    ):
        the_same(bundle(tmp_path_factory.mktemp("b"), files))


@given(st.integers(0, 1 << 32), st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=30))
@settings(max_examples=15, **SMALL)
def test_flipped_bytes_give_the_same(tmp_path_factory, seed, flips):
    data = bytearray(text_of(seed, count=150))
    for at, value in flips:
        data[at % len(data)] = value
    with mock.patch("pveforensics.events.scan.SHORT", 1), mock.patch.multiple(fast, LEAST=1, SIZE=4_000):
        the_same(bundle(tmp_path_factory.mktemp("b"), {"alpha/var/log/syslog": bytes(data)}))


@pytest.mark.parametrize("row", [*LOOSE, "x" * (1 << 20) + "tail"])
def test_each_odd_line_among_plain_ones_is_a_row_or_blank(tmp_path, row):
    plain = [f"{stamp('bsd', NEWEST - 4_000 + at)} alpha x[1]: y" for at in range(300)]
    for at in range(20, 280, 86):
        plain[at] = row
    with mock.patch("pveforensics.events.scan.SHORT", 1), mock.patch.multiple(fast, LEAST=1):
        the_same(bundle(tmp_path, {"alpha/var/log/syslog": "\n".join(plain).encode()}))


def test_a_line_without_a_stamp_has_no_time_and_stands_behind_the_one_above_it(tmp_path):
    at = NEWEST - 100
    log = f"\tabove all\n{stamp('zulu', at)} alpha x[1]: first\n\tgoes on\n\n{stamp('zulu', at + 9)} alpha x[1]: last\n"
    other = f"{stamp('zulu', at + 1)} beta y: between\n"
    found = the_same(bundle(tmp_path, {"alpha/var/log/syslog": log.encode(), "beta/var/log/syslog": other.encode()}))
    assert [(row[0] is None, row[6]) for row in found] == [
        (True, "\tabove all"), (False, "first"), (True, "\tgoes on"), (False, "between"), (False, "last"),
    ]  # fmt: skip
    assert [row[1] for row in found] == [None, "stated", None, "stated", "stated"]


def test_a_log_without_any_stamp_comes_last(tmp_path):
    log = "corosync[1533]: [QUORUM] This node is within the non-primary component and will NOT provide any services.\n" * 3
    files = {"alpha/quoted.txt": log.encode(), "beta/var/log/syslog": f"{stamp('zulu', NEWEST)} beta y[1]: dated\n".encode()}
    found = the_same(bundle(tmp_path, files))
    assert [row[0] is None for row in found] == [False, True, True, True]


def test_what_a_repeated_hour_shows_twice_comes_in_the_order_written(tmp_path):
    first = 1_792_886_400 - 1_800  # 25 October 2026, half an hour before Berlin's clocks go back at 01:00 UTC
    log = []
    for place in range(120):
        at = first + 60 * place
        local = at + (7_200 if at < 1_792_890_000 else 3_600)
        log.append(f"{stamp('bsd', local)} alpha x[{place + 1}]: y")
    folder = bundle(tmp_path, {"alpha/var/log/syslog": "\n".join(log).encode(), "alpha/etc/timezone": b"Europe/Berlin\n"})
    for file in ("var/log/syslog", "etc/timezone"):
        os.utime(folder / "alpha" / file, (1_792_900_000, 1_792_900_000))
    with mock.patch("pveforensics.events.scan.SHORT", 1), mock.patch.multiple(fast, LEAST=1):
        found = the_same(folder)
    assert [row[0] // 1_000_000 for row in found] == [first + 60 * place for place in range(120)]
    assert {row[1:3] for row in found} == {("year inferred", 1.0)}


def test_a_december_log_read_in_january_lies_in_both_years(tmp_path):
    newyear = 1_767_225_600  # 1 January 2026
    log = "".join(f"{stamp('bsd', newyear + 600 * step)} alpha x[{step + 101}]: y\n" for step in range(-100, 100))
    folder = bundle(tmp_path, {"alpha/var/log/syslog": log.encode()})
    os.utime(folder / "alpha/var/log/syslog", (newyear + 70_000, newyear + 70_000))
    with mock.patch("pveforensics.events.scan.SHORT", 1), mock.patch.multiple(fast, LEAST=1):
        found = the_same(folder)
    assert [row[0] // 1_000_000 for row in found] == [newyear + 600 * step for step in range(-100, 100)]


def ring(at, host, number, ahead=0):
    members = f"A new membership (1.{number:x}) was formed. Members joined: 1 2 3"
    return f"{stamp('zulu', at + ahead)} {host} corosync[15]:   [TOTEM ] {members}\n"


@pytest.mark.parametrize("scenario", sorted(each.name for each in SCENARIOS.iterdir() if "clock" in each.name or "fenced" in each.name))
def test_blocks_dated_by_one_sum_have_the_moments_that_their_lines_have(scenario):
    folder = SCENARIOS / scenario / "bundle"
    date_alike, summed = moments.FileMoments.date_alike, []
    with (
        small_blocks(500),
        mock.patch.object(moments.FileMoments, "date_alike", lambda *given: summed.append(date_alike(*given)) or summed[-1]),
    ):
        found = every_line(folder)
        with mock.patch.object(order.Calendar, "_by_one_sum", return_value=None):
            assert every_line(folder) == found
    assert sum(each is not None for each in summed) > 10


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "UTC"])
def test_a_block_across_a_clock_change_a_year_or_a_midnight_is_dated_line_by_line_or_cut(tmp_path, zone):
    text = []
    for begin in (1_774_740_000, 1_792_882_000, 1_772_954_000, 1_793_500_000, 1_767_217_000):  # clock changes of 2026, and new year
        text += [f"{stamp('bsd', begin + 90 * step)} alpha x[{step + 101}]: y\n" for step in range(400)]
    text.sort(key=lambda line: (MONTHS.index(line[:3]) if line[:3] != "Dec" else -1, line))
    folder = bundle(tmp_path, {"alpha/var/log/syslog": "".join(text).encode(), "alpha/etc/timezone": f"{zone}\n".encode()})
    os.utime(folder / "alpha/var/log/syslog", (1_793_600_000, 1_793_600_000))
    with small_blocks(1_500):
        found = the_same(folder)
        with mock.patch.object(order.Calendar, "_by_one_sum", return_value=None):
            assert every_line(folder) == found
    with small_blocks(1 << 20, fewest=50):
        assert every_line(folder) == found


def test_each_day_of_a_block_and_each_odd_line_in_it_is_a_block_of_its_own_where_days_are_long(tmp_path):
    log = [f"{stamp('bsd', NEWEST - 600 * step)} alpha x[{step + 101}]: y\n" for step in range(500, 0, -1)]
    log[250] = "\tgoes on\n"
    written = []

    def write(spooled, file, rank, batch):
        written.append(len(batch.at))
        return plain(spooled, file, rank, batch)

    plain = spool.LineSpool.write
    folder = bundle(tmp_path, {"alpha/var/log/syslog": "".join(log).encode()})
    with mock.patch.object(spool.LineSpool, "write", write), small_blocks(1 << 20, fewest=50):
        the_same(folder)
        assert written == [123, 127, 1, 16, 144, 89]
        written.clear()
        with mock.patch.object(sink, "FEWEST", 100):
            every_line(folder)
        assert written == [500]


def test_lines_of_a_clock_that_runs_ahead_stand_on_the_common_one(tmp_path):
    files = {}
    for host, ahead in (("alpha", 0), ("beta", 0), ("gamma", 300)):
        log = [ring(NEWEST - 9_000 + 1_000 * n, host, 16 + n, ahead) for n in range(6)]
        log += [f"{stamp('zulu', NEWEST - 2_000 + at + ahead)} {host} x[1]: y{at}\n" for at in range(0, 100, 10)]
        files[f"{host}/var/log/syslog"] = "".join(log).encode()
    with mock.patch("pveforensics.events.scan.SHORT", 1), mock.patch.multiple(fast, LEAST=1):
        found = the_same(bundle(tmp_path, files))
    plain = [(row[0] // 1_000_000, row[3]) for row in found if row[6].startswith("y")]
    assert [at for at, _ in plain] == sorted(at for at in range(NEWEST - 2_000, NEWEST - 1_900, 10) for _ in range(3))
    assert {(row[3], row[1]) for row in found} == {("alpha", "stated"), ("beta", "stated"), ("gamma", "aligned")}


def test_blocks_of_a_clock_that_was_set_move_by_the_offset_that_held(tmp_path):
    files = {}
    for host, turned in (("alpha", 0), ("beta", 0), ("gamma", 900)):
        log = []
        for number in range(24):
            at, ahead = NEWEST - 30_000 + 1_000 * number, 300 * bool(turned) if number < 12 else turned
            log.append(ring(at, host, 16 + number, ahead))
            log += [f"{stamp('zulu', at + more + ahead)} {host} x[1]: y{at + more}\n" for more in range(100, 1_000, 50)]
        files[f"{host}/var/log/syslog"] = "".join(log).encode()
    folder = bundle(tmp_path, files)
    with small_blocks(900):
        found = the_same(folder)
        with mock.patch.object(order.Calendar, "_by_one_sum", return_value=None):
            assert every_line(folder) == found
    assert all(int(row[6][1:]) == row[0] // 1_000_000 for row in found if row[6].startswith("y"))
    assert {row[1] for row in found} == {"stated", "aligned"}


def test_two_files_of_one_second_keep_the_order_of_rotation(tmp_path):
    at = stamp("bsd", NEWEST - 50)
    files = {
        "alpha/syslog.1": f"{stamp('bsd', NEWEST - 60)} alpha a[1]: b\n{at} alpha a[1]: older\n",
        "alpha/syslog": f"{at} alpha a[1]: newer\n",
    }
    found = the_same(bundle(tmp_path, {path: text.encode() for path, text in files.items()}))
    assert [row[6] for row in found] == ["b", "older", "newer"]


def test_a_window_nodes_kinds_and_words_narrow_it(tmp_path):
    files = {
        f"{host}/var/log/syslog": "".join(
            f"{stamp('zulu', NEWEST - 4_000 + at)} {host} x[1]: y{at}\n" for at in range(0, 4_000, 100)
        ).encode()
        for host in ("alpha", "beta")
    }
    files["alpha/var/log/syslog"] += ring(NEWEST, "alpha", 20).encode()
    folder = bundle(tmp_path, files)
    whole = every_line(folder)
    assert len(whole) == 81
    last = [row for row in whole if row[0] >= (NEWEST - 1_800) * 1_000_000]
    assert every_line(folder, since="-30m") == last
    assert every_line(folder, until="2026-03-14T13:00:00Z") == [row for row in whole if row[0] <= 1_773_493_200_000_000]
    assert every_line(folder, nodes=("BETA",)) == [row for row in whole if row[3] == "beta"]
    assert every_line(folder, kinds=("totem_*",)) == [row for row in whole if row[9] == "totem_membership_changed"]
    assert every_line(folder, grep="y[12]00$", since="-66m") == [
        row for row in whole if row[6] in ("y100", "y200") and row[0] >= (NEWEST - 3_960) * 1_000_000
    ]


def test_entries_of_a_journal_in_json_are_rows(tmp_path):
    entry = '{"__REALTIME_TIMESTAMP":"%d","_HOSTNAME":"alpha","SYSLOG_IDENTIFIER":"pvedaemon","_PID":"%d","MESSAGE":"m%d\\nand more"}\n'
    log = "".join(entry % ((NEWEST + at) * 1_000_000, 100 + at, at) for at in range(50))
    found = every_line(bundle(tmp_path, {"alpha/journal.json": log.encode()}))
    assert [row[:7] for row in found] == [
        ((NEWEST + at) * 1_000_000, "stated", 1e-06, "alpha", "pvedaemon", 100 + at, f"m{at}\nand more") for at in range(50)
    ]
    assert [row[8] for row in found] == list(range(1, 51))


@pytest.mark.parametrize("packing", [0, 4])
def test_all_entries_of_a_binary_journal_are_rows(tmp_path, packing):
    entries = journal_files.story(300)
    found = every_line(bundle(tmp_path, {"alpha/system.journal": journal_files.written(entries, packing=packing)}))
    assert len(found) == 300
    for row in found:
        made = entries[row[8] - 1]
        message = made["MESSAGE"] if isinstance(made["MESSAGE"], str) else made["MESSAGE"].decode("utf-8", "replace")
        pid = int(made["_PID"]) if "_PID" in made else None
        assert row[3:8] == ("alpha", made["SYSLOG_IDENTIFIER"], pid, message, "alpha/system.journal")
        assert row[0] == int(made.get("_SOURCE_REALTIME_TIMESTAMP", row[0]))
    assert {row[9] for row in found} > {None, "corosync_quorum_lost"}


def test_an_export_stream_and_the_journal_that_was_made_of_it_say_the_same(tmp_path):
    entries = journal_files.story(120)
    found = {
        name: sorted((row[8], row[4:7]) for row in every_line(bundle(tmp_path / name, {name: data})))
        for name, data in (("x.journal", journal_files.written(entries)), ("export", journal_files.export(entries)))
    }
    assert [row for _, row in found["x.journal"]] == [row for _, row in found["export"]]


def test_where_the_times_of_many_blocks_overlap_few_are_held_at_once():
    spooled = spool.LineSpool()
    draw = random.Random(1)
    with mock.patch.object(sink, "BLOCK", 20_000):
        taken = spooled.open("syslog")
        for number in range(1, 4_001):
            taken.text(number, b"alpha x[1]: a line of some length, and its number %d" % number)
        spooled.finish()
    (file,) = spooled.files
    keys = {}
    for block in file.blocks:
        columns = dict(zip(blocks.LAYOUT.names, spooled.columns(block), strict=True))
        columns["at"][:] = [draw.randrange(1_000) for _ in range(block.rows)]
        keys |= dict(zip(columns["line"].tolist(), columns["at"].tolist(), strict=True))
        spooled.rewrite(block, columns["at"], columns["form"])
        block.first, block.last = int(columns["at"].min()), int(columns["at"].max())
    sizes, read = [], spooled.read
    with mock.patch.object(spooled, "read", lambda block: (sizes.append(block.rows), read(block))[1]):
        found = []
        for slices in order.sweep(spooled, file.blocks, 60_000):
            some = [int(line) for piece in slices for line in piece.batch.line[piece.rows]]
            found += sorted(some, key=keys.get)
    assert found == sorted(keys, key=lambda line: (keys[line], line))
    assert len(file.blocks) > 10
    assert max(sizes[-100:]) < min(block.rows for block in file.blocks[:-1]) / 4
    spooled.close()


def test_a_file_system_that_lends_no_pages_gives_the_same(tmp_path):
    folder = bundle(tmp_path, {"alpha/var/log/syslog": text_of(5, count=3_000)})
    with mock.patch.object(spool.mmap, "mmap", wraps=spool.mmap.mmap) as lent:
        rows = every_line(folder)
    assert lent.called
    with mock.patch.object(spool.mmap, "mmap", side_effect=OSError(19, "No such device")):
        assert every_line(folder) == rows


def test_a_full_disk_is_told_in_one_line(tmp_path):
    folder = bundle(tmp_path, {"alpha/var/log/syslog": text_of(3)})
    with (
        mock.patch.object(spool.os, "pwrite", side_effect=OSError(28, "No space left on device")),
        pytest.raises(UsageError, match="no room for the lines"),
    ):
        every_line(folder)
