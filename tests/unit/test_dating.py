"""When things happened: years, zones, repeated hours, rotation, copies of one message, windows."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.dating import date, window
from pveforensics.errors import UsageError
from pveforensics.identity import identify
from pveforensics.logfiles import rotation
from pveforensics.model import Options
from pveforensics.readings import Document, LogScan, NulRun, RawSnapshot, Record, Run, Setting, Stamp, TimeHint
from pveforensics.timebase import Basis, Instant

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
UTC = dt.UTC


def bsd(text, micro=None):
    """A stamp such as `Nov 22 09:01:02`, with `micro` a finer one."""
    month, day, time = text.split()
    hour, minute, second = map(int, time.split(":"))
    fine = {"micro": micro, "resolution_us": 1000} if micro is not None else {}
    return Stamp(
        text if micro is None else f"{text}.{micro // 1000:03}",
        None,
        None,
        MONTHS.index(month) + 1,
        int(day),
        hour * 3600 + minute * 60 + second,
        **fine,
    )


def stamp_of(moment):
    return bsd(f"{MONTHS[moment.month - 1]} {moment.day} {moment:%H:%M:%S}")


def iso(text):
    moment = dt.datetime.fromisoformat(text)
    return Stamp(text, epoch_us=round(moment.timestamp() * 1_000_000), resolution_us=1, zone=text[-6:])


def utc(text):
    return round(dt.datetime.fromisoformat(text + "+00:00").timestamp())


def line(number, stamp, kind="corosync_members", host="alpha", text=None, **fields):
    more = {key: fields.pop(key) for key in ("count", "last", "pid", "program", "uptime_us", "match", "boot_id") if key in fields}
    text = text if text is not None else f"{stamp.text if stamp else ''} {kind} {fields}"
    return Record(kind, kind, number, stamp, host, more.pop("program", "corosync"), more.pop("pid", ""), text, fields, **more)


def log(path, *records, mtime=None, hints=(), node="alpha", whole=True, **fields):
    records = [line(k, each) if isinstance(each, Stamp) else each for k, each in enumerate(records, 1)]
    stamped = [record for record in records if record.stamp is not None]
    runs = (Run(stamped[0].stamp, stamped[-1].stamp, stamped[0].line, stamped[-1].line),) if stamped else ()
    return LogScan(
        path, "bsd", "syslog", 1, "", utc(mtime) if mtime else None, len(records), len(records), tuple(records), fields.pop("runs", runs),
        fields.pop("hosts", {node: len(records)}), frozenset({"corosync"}), whole, tuple(hints), node_hint=node, **fields,
    )  # fmt: skip


def zone_file(name, node="alpha"):
    return Document(f"{node}/etc/timezone", "timezone", 1, "", timezone=name, node_hint=node)


def run(*sources, **options):
    scans = [each for each in sources if isinstance(each, LogScan)]
    documents = [each for each in sources if isinstance(each, Document)]
    return date(scans, documents, identify(scans, documents), Options(**options))


def moments(timeline):
    return [event.at.iso()[:19] if event.at else None for event in timeline.events]


# --- years ---------------------------------------------------------------------------------------


def test_the_file_time_gives_the_year_and_december_belongs_to_the_one_before():
    timeline = run(log("alpha/syslog", bsd("Dec 31 23:59:58"), bsd("Jan 1 00:00:01"), mtime="2026-01-01T00:05:00"))
    assert moments(timeline) == ["2025-12-31T23:59:58", "2026-01-01T00:00:01"]
    assert timeline.events[0].at.basis is Basis.YEAR_INFERRED
    assert timeline.clocks["alpha"].year_basis == "file time"


def test_a_stamp_after_the_file_time_is_of_the_year_before():
    timeline = run(log("alpha/syslog", bsd("Nov 22 09:00:00"), mtime="2026-03-01T00:00:00"))
    assert moments(timeline) == ["2025-11-22T09:00:00"]
    assert timeline.clocks["alpha"].year_basis == "file time only (weak)"
    assert any("weak" in note for note in timeline.notes)


def test_the_29th_of_february_finds_its_leap_year():
    timeline = run(log("alpha/syslog", bsd("Feb 29 12:00:00"), bsd("Mar 1 12:00:00"), mtime="2026-03-02T00:00:00"))
    assert moments(timeline)[0] == "2024-02-29T12:00:00"


def test_where_nothing_tells_the_year_there_is_no_moment():
    timeline = run(log("alpha/syslog", bsd("Nov 22 09:00:00")))
    assert moments(timeline) == [None]
    assert timeline.coverage == ()
    assert any("--year" in note for note in timeline.notes)


def test_the_year_option_serves_where_nothing_else_tells():
    records = [bsd("Dec 31 09:00:00"), bsd("Jan 1 09:00:00")]
    assert moments(run(log("alpha/syslog", *records), year=2024)) == ["2023-12-31T09:00:00", "2024-01-01T09:00:00"]
    other = log("beta/syslog", iso("2026-01-01T09:00:00+00:00"), node="beta")
    assert moments(run(log("alpha/syslog", *records), other, year=2024))[0] == "2025-12-31T09:00:00"


def test_an_epoch_in_a_line_tells_year_and_zone():
    started = bsd("Nov 22 10:00:01")
    hint = TimeHint(2, "upid", started, utc("2024-11-22T09:00:00") * 1_000_000, exact=True)
    timeline = run(log("alpha/syslog", bsd("Nov 22 09:59:00"), started, hints=[hint], mtime="2026-11-23T00:00:00"))
    assert moments(timeline) == ["2024-11-22T08:59:00", "2024-11-22T09:00:01"]
    assert timeline.clocks["alpha"].timezone == "+01:00"
    assert timeline.clocks["alpha"].year_basis == "upid in line 2"


def test_the_build_date_of_a_kernel_is_not_the_year_of_its_boot():
    boot = bsd("Sep 10 10:00:01")
    hint = TimeHint(1, "kernel-build", boot, utc("2024-08-01T09:00:00") * 1_000_000)
    assert moments(run(log("alpha/syslog", boot, hints=[hint], mtime="2026-09-10T11:00:00"))) == ["2026-09-10T10:00:01"]


def test_an_active_line_dates_the_lines_below_it():
    hint = TimeHint(1, "active", local="2023-12-31 23:59:50", zone="CET")
    record = line(5, bsd("Jan 1 00:10:00"))
    timeline = run(log("alpha/status.txt", record, hints=[hint], mtime="2026-06-01T00:00:00"))
    assert moments(timeline) == ["2023-12-31T23:10:00"]
    assert timeline.clocks["alpha"].timezone_basis == "abbreviation"


def test_neighbours_with_a_year_date_those_without():
    timeline = run(log("alpha/syslog", bsd("Dec 30 10:00:00"), iso("2026-01-02T10:00:00+00:00"), bsd("Jan 3 10:00:00")))
    assert moments(timeline) == ["2025-12-30T10:00:00", "2026-01-02T10:00:00", "2026-01-03T10:00:00"]


def test_dumps_and_other_nodes_date_a_log_whose_file_time_says_nothing():
    dump = Document(
        "beta/pvecm.txt", "quorum", 1, "", snapshots=(RawSnapshot("quorum", 1, "", local="2022-04-05 10:00:00"),), node_hint="beta"
    )
    timeline = run(log("alpha/syslog", bsd("Apr 5 09:00:00"), mtime="2026-11-23T00:00:00"), dump)
    assert moments(timeline) == ["2022-04-05T09:00:00"]
    assert "beta/pvecm.txt" in timeline.clocks["alpha"].year_basis


def test_rotation_is_one_series_walked_backwards():
    newest = log("alpha/var/log/syslog", bsd("Mar 1 00:00:00"), mtime="2026-03-01T01:00:00")
    middle = log("alpha/var/log/syslog.1", bsd("Nov 1 00:00:00"), bsd("Feb 27 00:00:00"), mtime="2026-11-23T00:00:00")
    oldest = log("alpha/var/log/syslog.2.gz", bsd("Dec 3 00:00:00"), bsd("Oct 31 00:00:00"), mtime="2026-11-23T00:00:00")
    timeline = run(oldest, newest, middle)
    assert moments(timeline)[0] == "2024-12-03T00:00:00"
    assert moments(timeline)[2:] == ["2025-11-01T00:00:00", "2026-02-27T00:00:00", "2026-03-01T00:00:00"]
    assert [event.seq for event in timeline.events] == [1, 2, 3, 4, 5]


def test_a_year_without_lines_shows_in_the_file_time():
    newest = log("alpha/syslog", bsd("Mar 1 00:00:00"), mtime="2026-03-01T01:00:00")
    older = log("alpha/syslog.1", bsd("Feb 27 00:00:00"), mtime="2023-02-27T01:00:00")
    assert moments(run(newest, older))[0] == "2023-02-27T00:00:00"


@pytest.mark.parametrize(
    ("path", "of", "newer_than"),
    [
        ("a/syslog", "a/syslog", "a/syslog.1"),
        ("a/syslog.2.gz", "a/syslog", "a/syslog.10.gz"),
        ("a/messages-20261122.xz", "a/messages", "a/messages-20261115"),
        ("a/corosync.log.1", "a/corosync.log", "a/corosync.log.2"),
    ],
)
def test_names_of_rotation_sets(path, of, newer_than):
    assert rotation(path)[0] == rotation(newer_than)[0] == of
    assert rotation(path)[1] < rotation(newer_than)[1]


def test_blocks_pasted_newest_first_are_of_one_year():
    paste = log("alpha/paste.txt", bsd("Nov 20 10:00:00"), bsd("Nov 7 10:00:00"), mtime="2026-11-23T00:00:00", whole=False)
    assert moments(run(paste)) == ["2026-11-07T10:00:00", "2026-11-20T10:00:00"]


def test_a_clock_that_starts_wrong_does_not_cost_a_year():
    records = [bsd("Nov 21 10:00:00"), bsd("Nov 22 10:00:00"), bsd("Jan 1 00:00:10"), bsd("Nov 22 10:05:00"), bsd("Nov 23 10:00:00")]
    timeline = run(log("alpha/syslog", *records, mtime="2026-11-23T10:00:01"))
    assert [event.at.iso()[:4] for event in sorted(timeline.events, key=lambda event: event.seq)] == ["2026"] * 5


@given(st.integers(0, 2**32), st.integers(0, 720), st.integers(1, 3))
@settings(max_examples=25)
def test_two_years_of_lines_of_which_some_are_late_give_no_wrong_year(seed, age, files):
    import random

    rng = random.Random(seed)
    end = dt.datetime(2026, 11, 23, tzinfo=UTC) - dt.timedelta(days=age)
    truth, at = [], end - dt.timedelta(days=730)
    while at < end:
        truth.append(at - dt.timedelta(hours=2) if rng.random() < 0.01 else at)
        at += dt.timedelta(seconds=rng.expovariate(1 / 30_000))
    size = -(-len(truth) // files)
    parts = [truth[k : k + size] for k in range(0, len(truth), size)]
    names = ["alpha/syslog", "alpha/syslog.1", "alpha/syslog.2.gz"]
    scans = [
        log(
            name,
            *(line(k, stamp_of(each), n=f"{each:%Y}-{part[0]}") for k, each in enumerate(part, 1)),
            mtime=f"{part[-1]:%Y-%m-%dT%H:%M:%S}",
        )
        for name, part in zip(names, reversed(parts), strict=False)
    ]
    timeline = run(*scans)
    assert len(timeline.events) == len(truth)
    assert all(event.at.iso()[:4] == event.fields["n"][:4] for event in timeline.events)


# --- zones ---------------------------------------------------------------------------------------


def test_the_configured_zone_holds_for_summer_and_winter():
    timeline = run(
        log("alpha/syslog", bsd("Jul 1 12:00:00"), bsd("Nov 1 12:00:00"), mtime="2026-11-01T12:00:00"), zone_file("Europe/Berlin")
    )
    assert moments(timeline) == ["2026-07-01T10:00:00", "2026-11-01T11:00:00"]
    assert (timeline.clocks["alpha"].timezone, timeline.clocks["alpha"].timezone_basis) == ("Europe/Berlin", "etc/timezone")


def test_without_any_word_of_the_zone_utc_is_assumed_and_said():
    timeline = run(log("alpha/syslog", bsd("Jul 1 12:00:00"), mtime="2026-07-01T12:00:00"))
    assert timeline.clocks["alpha"].timezone is None
    assert timeline.clocks["alpha"].timezone_basis == "assumed UTC"
    assert any("alpha" in note and "UTC" in note for note in timeline.notes)


def test_the_option_gives_the_zone_only_where_the_bundle_does_not():
    first = log("alpha/syslog", bsd("Jul 1 12:00:00"), mtime="2026-07-01T12:00:00")
    second = log("beta/syslog", bsd("Jul 1 12:00:00"), mtime="2026-07-01T12:00:00", node="beta")
    timeline = run(first, second, zone_file("Europe/Berlin", "beta"), timezone="America/New_York")
    assert {event.evidence[0].path: event.at.iso()[11:13] for event in timeline.events} == {"alpha/syslog": "16", "beta/syslog": "10"}
    with pytest.raises(UsageError, match="--timezone"):
        run(first, timezone="Mars/Olympus")


def test_a_silent_node_borrows_the_zone_of_the_others_and_says_so():
    first = log("alpha/syslog", bsd("Jul 1 12:00:00"), mtime="2026-07-01T12:00:00")
    timeline = run(first, zone_file("Europe/Berlin", "beta"))
    assert moments(timeline) == ["2026-07-01T10:00:00"]
    assert "weak" in timeline.clocks["alpha"].timezone_basis
    assert any("alpha/syslog" in note for note in timeline.notes)


def test_the_same_messages_in_a_log_with_offsets_give_the_zone():
    local = [line(k, bsd(f"Jul 1 12:00:0{k}"), ring=f"1.{k}") for k in (1, 2, 3)]
    stated = [line(k, iso(f"2026-07-01T10:00:0{k}.5+00:00"), ring=f"1.{k}") for k in (1, 2, 3)]
    timeline = run(log("alpha/syslog", *local), log("alpha/journal.txt", *stated))
    assert timeline.clocks["alpha"].timezone == "+02:00"
    assert len(timeline.events) == 3
    assert all(len(event.evidence) == 2 and event.at.basis is Basis.STATED for event in timeline.events)


def test_a_file_whose_epochs_contradict_the_node_is_read_in_its_own_zone():
    started = bsd("Nov 22 10:00:01")
    hint = TimeHint(1, "upid", started, utc("2026-11-22T10:00:00") * 1_000_000, exact=True)
    timeline = run(log("alpha/task.log", started, hints=[hint]), zone_file("Europe/Berlin"))
    assert moments(timeline) == ["2026-11-22T10:00:01"]
    assert any("alpha/task.log" in note for note in timeline.notes)


def test_the_hour_that_autumn_repeats_is_told_by_the_order_of_lines():
    times = ["01:59:50", "02:10:00", "02:40:00", "02:59:59", "02:00:01", "02:30:00", "03:00:05"]
    timeline = run(log("alpha/syslog", *(bsd(f"Oct 25 {time}") for time in times), mtime="2026-10-25T03:00:00"), zone_file("Europe/Berlin"))
    expected = ["23:59:50", "00:10:00", "00:40:00", "00:59:59", "01:00:01", "01:30:00", "02:00:05"]
    assert [event.at.iso()[11:19] for event in timeline.events] == expected
    assert all(event.at.error_us <= 1_000_000 for event in timeline.events)


def test_a_lone_line_in_the_repeated_hour_may_be_off_by_an_hour():
    scan = log("alpha/syslog", bsd("Oct 25 02:30:00"), mtime="2026-10-25T03:00:00")
    assert run(scan, zone_file("Europe/Berlin")).events[0].at.error_us >= 3600 * 1_000_000


def test_a_log_that_begins_in_the_second_pass_is_settled_from_behind():
    scan = log("alpha/syslog", bsd("Oct 25 02:55:00"), bsd("Oct 25 03:00:05"), mtime="2026-10-25T03:00:00")
    assert moments(run(scan, zone_file("Europe/Berlin")))[0] == "2026-10-25T01:55:00"


def test_a_time_that_spring_skips_is_read_with_its_doubt():
    event = run(log("alpha/syslog", bsd("Mar 29 02:30:00"), mtime="2026-03-29T03:00:00"), zone_file("Europe/Berlin")).events[0]
    assert event.at.error_us >= 3600 * 1_000_000


def test_a_leap_second_is_no_error():
    stamp = Stamp("Dec 31 23:59:60", None, None, 12, 31, 86_400)
    assert moments(run(log("alpha/syslog", stamp, mtime="2017-01-01T00:00:00"))) == ["2017-01-01T00:00:00"]


# --- kernel seconds ------------------------------------------------------------------------------


def test_dmesg_is_dated_by_the_boot_of_the_same_node_and_left_undated_without_one():
    dmesg = log("alpha/dmesg.txt", line(1, Stamp("[   70.500000]", uptime_us=70_500_000, resolution_us=1), "oops", program="kernel"))
    boot = line(1, iso("2026-11-22T09:00:10+00:00"), "boot_started", program="kernel", uptime_us=0)
    later = line(2, iso("2026-11-22T09:01:40+00:00"), "link", program="kernel", uptime_us=100_000_000)
    assert moments(run(dmesg)) == [None]
    timeline = run(dmesg, log("alpha/syslog", boot, later))
    assert [event.at.iso()[:19] for event in timeline.events if event.kind == "oops"] == ["2026-11-22T09:01:10"]


def test_a_panic_in_kernel_seconds_alone_is_not_dated_by_the_running_boot():
    panic = line(1, Stamp("[  173.286325]", uptime_us=173_286_325, resolution_us=1), "kernel_panic", program="kernel")
    boot = line(1, iso("2026-11-22T09:00:10+00:00"), "boot_started", program="kernel", uptime_us=0)
    timeline = run(log("alpha/console.log", panic), log("alpha/syslog", boot))
    assert [event.at for event in timeline.events if event.kind == "kernel_panic"] == [None]


# --- copies --------------------------------------------------------------------------------------


def test_one_message_in_three_files_is_one_event_with_the_finest_stamp():
    fine = log(
        "alpha/corosync.log", line(7, bsd("Nov 22 09:00:01", 950_000), program="", pid="32", ring="1.4"), mtime="2026-11-22T10:00:00"
    )
    coarse = log("alpha/syslog", line(3, bsd("Nov 22 09:00:02"), pid="32", ring="1.4"), mtime="2026-11-22T10:00:00")
    printed = log("alpha/journal.txt", line(9, bsd("Nov 22 09:00:01"), pid="32", ring="1.4"), mtime="2026-11-22T10:00:00")
    (event,) = run(coarse, fine, printed).events
    assert event.at.iso() == "2026-11-22T09:00:01.950Z"
    assert sorted(evidence.path for evidence in event.evidence) == ["alpha/corosync.log", "alpha/journal.txt", "alpha/syslog"]
    assert event.evidence[0].path == "alpha/corosync.log"


def test_equal_lines_of_one_file_are_counted_as_often_as_they_stand_there():
    times = ["Nov 22 09:00:01"] * 3 + ["Nov 22 09:00:02"]
    first = log("alpha/syslog", *(bsd(time) for time in times), mtime="2026-11-22T10:00:00")
    second = log("alpha/daemon.log", *(bsd(time) for time in times), mtime="2026-11-22T10:00:00")
    assert len(run(first).events) == 4
    assert len(run(first, second).events) == 4


@pytest.mark.parametrize(
    "other",
    [
        line(1, bsd("Nov 22 09:00:04"), ring="1.4", pid="32"),
        line(1, bsd("Nov 22 09:00:01"), ring="1.8", pid="32"),
        line(1, bsd("Nov 22 09:00:01"), ring="1.4", pid="33"),
        line(1, bsd("Nov 22 09:00:01"), "other_kind", ring="1.4", pid="32"),
    ],
)
def test_what_differs_in_time_words_or_process_stays_apart(other):
    first = log("alpha/syslog", line(1, bsd("Nov 22 09:00:01"), ring="1.4", pid="32"), mtime="2026-11-22T10:00:00")
    assert len(run(first, log("alpha/daemon.log", other, mtime="2026-11-22T10:00:00")).events) == 2


def test_two_nodes_never_share_an_event():
    one = log("alpha/syslog", bsd("Nov 22 09:00:01"), mtime="2026-11-22T10:00:00")
    other = log("beta/syslog", line(1, bsd("Nov 22 09:00:01"), host="beta"), mtime="2026-11-22T10:00:00", node="beta")
    assert [event.node for event in run(one, other).events] == ["alpha", "beta"]


def test_a_storm_in_two_files_keeps_the_larger_count():
    one = log("alpha/syslog", line(1, bsd("Nov 22 09:00:01"), count=40, last=bsd("Nov 22 09:00:50")), mtime="2026-11-22T10:00:00")
    other = log(
        "alpha/corosync.log", line(1, bsd("Nov 22 09:00:01", 0), count=38, last=bsd("Nov 22 09:00:50", 0)), mtime="2026-11-22T10:00:00"
    )
    (event,) = run(one, other).events
    assert event.count == 40
    assert event.last.iso() == "2026-11-22T09:00:50.000Z"


def test_a_text_pasted_twice_into_one_file_counts_once():
    block = [("Nov 22 09:00:01", "a"), ("Nov 22 09:00:02", "b"), ("Nov 22 09:00:03", "c"), ("Nov 22 09:00:04", "d")]
    records = [line(k, bsd(time), word=word) for k, (time, word) in enumerate(block * 2, 1)]
    events = run(log("alpha/paste.txt", *records, mtime="2026-11-22T10:00:00")).events
    assert len(events) == 4
    assert [evidence.line for evidence in events[0].evidence] == [1, 5]


def test_kernel_lines_of_early_boot_are_one_event_boot_for_boot():
    journal, syslog = [], []
    for k, minute in enumerate((0, 3, 6), 1):
        journal.append(line(k, bsd(f"Nov 22 09:0{minute}:06", 0), "boot_started", program="kernel", release="6.8"))
        syslog.append(line(k, bsd(f"Nov 22 09:0{minute + 1}:30"), "boot_started", program="kernel", uptime_us=0, release="6.8"))
    timeline = run(
        log("alpha/journal.txt", *journal, mtime="2026-11-22T10:00:00"), log("alpha/syslog", *syslog, mtime="2026-11-22T10:00:00")
    )
    assert [(event.at.iso()[14:19], len(event.evidence)) for event in timeline.events] == [("00:06", 2), ("03:06", 2), ("06:06", 2)]


def test_boot_separators_of_one_boot_id_are_one_event():
    dated = line(1, iso("2026-11-22T09:00:00+00:00"), "boot_separator", boot_id="f" * 32)
    bare = Record("boot_separator", "", 1, None, "", "", "", f"-- Boot {'f' * 32} --", {"boot_id": "f" * 32})
    timeline = run(log("alpha/journal.json", dated), log("alpha/journal.txt", bare, bsd("Nov 22 09:00:01")))
    assert [event.kind for event in timeline.events].count("boot_separator") == 1


# --- order, coverage and the rest ----------------------------------------------------------------


def test_lines_of_one_file_keep_their_order_and_files_are_merged_by_time():
    first = log(
        "alpha/a.log",
        line(1, bsd("Nov 22 09:00:01"), n="1"),
        line(2, bsd("Nov 22 09:00:00"), n="2"),
        line(3, None, n="3"),
        mtime="2026-11-22T10:00:00",
    )
    second = log("alpha/b.log", line(1, bsd("Nov 22 08:00:00"), n="0"), line(2, bsd("Nov 22 09:30:00"), n="4"), mtime="2026-11-22T10:00:00")
    timeline = run(first, second)
    assert [event.fields["n"] for event in sorted(timeline.events, key=lambda event: event.seq)] == ["0", "1", "2", "3", "4"]
    assert [event.fields["n"] for event in timeline.events] == ["0", "2", "1", "4", "3"]
    assert timeline.events[-1].at is None


def test_a_nul_run_is_an_event_between_its_neighbours():
    before, after = bsd("Nov 22 09:00:00"), bsd("Nov 22 09:05:00")
    scan = log("alpha/syslog", before, after, mtime="2026-11-22T10:00:00", nul_runs=(NulRun(2, 692, before, after),))
    event = next(event for event in run(scan).events if event.kind == "syslog_nul_bytes")
    assert event.fields == {"length": "692", "before": "2026-11-22T09:00:00.000Z", "after": "2026-11-22T09:05:00.000Z"}
    assert event.at.iso() == "2026-11-22T09:05:00.000Z"
    assert event.seq == 2


def test_coverage_is_whole_for_one_node_and_never_for_a_central_log():
    own = run(log("alpha/syslog", bsd("Nov 22 09:00:00"), bsd("Nov 22 09:05:00"), mtime="2026-11-22T10:00:00"))
    assert [(each.node, each.whole, each.end.iso()[11:19]) for each in own.coverage] == [("alpha", True, "09:05:00")]
    lines = [line(k, bsd(f"Nov 22 09:00:0{k}"), host=host) for k, host in enumerate(["alpha", "beta"] * 3)]
    central = run(log("all.log", *lines, mtime="2026-11-22T10:00:00", node="", hosts={"alpha": 3, "beta": 3}))
    assert [(each.node, each.whole) for each in central.coverage] == [("alpha", False), ("beta", False)]
    assert {event.node for event in central.events} == {"alpha", "beta"}


def test_settings_and_dumps_stand_in_their_nodes_zone():
    conf = Document(
        "alpha/etc/corosync/corosync.conf",
        "corosync.conf",
        1,
        "",
        settings=(Setting("totem.token", "3000", 4, "  token: 3000"),),
        node_hint="alpha",
    )
    dump = Document(
        "alpha/q.txt", "quorum", 1, "", snapshots=(RawSnapshot("quorum", 1, "Date: x", local="2026-07-01 12:00:00"),), node_hint="alpha"
    )
    timeline = run(log("alpha/syslog", bsd("Jul 1 12:00:00")), conf, dump, zone_file("Europe/Berlin"))
    (setting,) = timeline.settings
    assert (setting.subject, setting.state, setting.start, setting.evidence[0].line) == ("setting:alpha/totem.token", "3000", None, 4)
    assert timeline.snapshots[0].at.iso() == "2026-07-01T10:00:00.000Z"
    assert {source.path for source in timeline.sources} == {"alpha/syslog", conf.path, dump.path, "alpha/etc/timezone"}


def test_the_window_cuts_events_and_coverage_only():
    scan = log("alpha/syslog", *(bsd(f"Nov 22 {hour:02}:00:00") for hour in range(6, 12)), mtime="2026-11-22T12:00:00")
    timeline = run(scan, since="-2h", until="2026-11-22T10:30:00Z")
    assert moments(timeline) == ["2026-11-22T09:00:00", "2026-11-22T10:00:00"]
    assert [(each.start.iso()[11:16], each.end.iso()[11:16]) for each in timeline.coverage] == [("09:00", "10:30")]


def test_window_edges():
    last = Instant(utc("2026-11-22T12:00:00") * 1_000_000)
    assert window(Options(), last) == (None, None)
    assert window(Options(since="-90m"), last)[0].iso() == "2026-11-22T10:30:00.000Z"
    assert window(Options(until="2026-11-22T09:00:00+01:00"), last)[1].iso() == "2026-11-22T08:00:00.000Z"
    assert window(Options(since="-1d"), None) == (None, None)
    for bad in ("yesterday", "2026-11-22T09:00:00", "-2 fortnights", "2026-13-01T00:00:00Z", "9" * 400):
        with pytest.raises(UsageError, match="--since"):
            window(Options(since=bad), last)
    with pytest.raises(UsageError, match="after"):
        window(Options(since="2026-11-22T09:00:00Z", until="2026-11-22T08:00:00Z"), last)


# --- nothing raises ------------------------------------------------------------------------------

WORDS = st.sampled_from(["", "UTC", "CET", "+0100", "XX"])
STAMPS = st.builds(
    Stamp,
    st.sampled_from(["a", "b", "1795340106163193"]),
    epoch_us=st.one_of(st.none(), st.integers(-(1 << 63), 1 << 63)),
    year=st.one_of(st.none(), st.integers(-5, 99999)),
    month=st.one_of(st.none(), st.integers(1, 12)),
    day=st.one_of(st.none(), st.integers(1, 31)),
    second_of_day=st.integers(0, 86_400),
    zone=WORDS,
    uptime_us=st.one_of(st.none(), st.integers(0, 1 << 50)),
)
RECORDS = st.lists(
    st.builds(
        line, st.integers(1, 9), st.one_of(st.none(), STAMPS), st.sampled_from(["x", "boot_separator"]), text=st.just("t"),
        count=st.integers(1, 3), last=st.one_of(st.none(), STAMPS), uptime_us=st.one_of(st.none(), st.integers(0, 1 << 30)),
    ),
    max_size=6,
)  # fmt: skip
HINTS = st.lists(
    st.builds(
        TimeHint, st.integers(0, 9), st.sampled_from(["upid", "active", "date", "journal-end", "kernel-build"]), st.one_of(st.none(), STAMPS),
        st.one_of(st.none(), st.integers(-(1 << 60), 1 << 60)), st.sampled_from(["", "2026-02-29 10:00:00", "2024-02-29 10:00:00", "junk"]), WORDS, st.booleans(),
    ),
    max_size=3,
)  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(["syslog", "syslog.1", "x-20261122", "j"]), RECORDS, HINTS, st.booleans()),
        max_size=3,
        unique_by=lambda each: each[0],
    )
)
@settings(max_examples=150)
def test_whatever_the_readers_leave_is_dated_or_left_undated(files):
    scans = [
        log(f"alpha/{name}", *sorted(records, key=lambda record: record.line), hints=hints, whole=whole)
        for name, records, hints, whole in files
    ]
    timeline = run(*scans)
    assert sum(len(event.evidence) for event in timeline.events) == sum(len(scan.records) for scan in scans)
    assert len({event.seq for event in timeline.events}) == len(timeline.events)
    for event in timeline.events:
        assert event.at is None or "1999" < event.at.iso()[:4] <= "2100"
