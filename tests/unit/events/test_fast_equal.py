"""The fast scan gives what the line-by-line scan gives: every record, run, host, hint and NUL run, whatever the text and its chunks."""

import random
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pveforensics.events import EverydayFile, Signature, SignatureIndex, make_matcher, recall, recalled, scan_log
from pveforensics.events.scan import BACK_ENDS, candidates, columns, compiled, coverage, fast, lines, shelving
from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.plain import PlainMatcher

SIGNATURES = [
    Signature("lost", "lost", "s", r"\[QUORUM\] This node is within the non-primary component", programs=("corosync",)),
    Signature("retransmit", "retransmit", "s", r"\[TOTEM *\] Retransmit List: (?P<seqs>[0-9a-f ]+)", programs=("corosync",), storm=True),
    Signature("slow", "slow", "s", r"^status update time \((?P<seconds>[\d.]+) seconds\)$", programs=("pvestatd",), storm=True),
    Signature("crm", "crm", "s", r"status change (?P<from>\w+) => (?P<to>\w+)", programs=("pve-ha-crm",)),
    Signature("started", "started", "s", r"^Started (?P<what>.+)\.", programs=("systemd",), pid="1"),
    Signature("link", "link", "s", r"(?P<nic>\w+): [Ll]ink (?P<state>down|up)\b", programs=("kernel",), storm=True),
    Signature("task", "task", "s", r"starting task UPID:(?P<node>[^:]+):"),
]
INDEX = SignatureIndex(SIGNATURES)


@pytest.fixture(scope="module", autouse=True, params=["compiled", "numpy"])
def _loops(request):
    """All of it with the compiled loops, where they are, and with their twins."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setattr(compiled, "library", lambda: None)
        elif compiled.library() is None:
            pytest.skip("nothing was compiled here")
        yield


class NoClock:
    """Nothing tells when it was: stamps can be compared within their file alone."""

    def instant(self, _line, _stamp, _after=None):
        return None


HOSTS = ["alpha", "alpha", "alpha", "beta", "gamma.example.net", "a-host-with-a-very-long-name.example.net"]
MESSAGES = [
    ("pvestatd[1201]", "auth key pair too old, rotating.."), ("CRON[77123]", "pam_unix(cron:session): session closed for user root"),
    ("pvestatd[1201]", "status update time (12.5 seconds)"), ("systemd[1]", "Started session-4.scope - Session 4 of User root."),
    ("systemd[812]", "Started x.service."), ("postfix/smtpd[31]", "disconnect from unknown[192.0.2.7]: x"), ("(sd-pam)[55]", "closing"),
    ("kernel", "[12345.678901] eno1: Link down"), ("kernel", "eno1: link up"), ("kernel", "[    0.000000] Linux version 6.8.12-4-pve (x) (2024-11-06T15:04Z)"),
    ("corosync[15]", "  [QUORUM] This node is within the non-primary component and will NOT"), ("corosync", "[TOTEM ] Retransmit List: 4a 4b"),
    ("corosync[15]", "  [TOTEM ] Retransmit List: 4a 4b 4c"), ("corosync[15]", "notice  [TOTEM ] Retransmit List: 4a 4b 4c"),
    ("pvedaemon[9]", "<root@pam> starting task UPID:alpha:000003E0:000005E8:69B4B5A3:qmstart:100:root@pam:"),
    ("pve-ha-crm[8]", "status change startup =>"), ("pve-ha-crm[8]", "status change slave => master"), ("a:b[3]", "x"), ("x y[3]", "z"), ("é[3]", "z"),
    ("corosync[15]", "message repeated 3 times: [   [TOTEM ] Retransmit List: 5a]"), ("python3[99]", "Grüße \ufffd"), ("systemd[12345678]", "Started a."),
    ("tag-that-is-longer-than-any-column-of-the-fast-scan[4]", "x"), ("logger", ""), ("logger", "  "), ("foo(bar)[3]", "x"), ("pvestatd[1201]", "x" * 300),
    ("logger[3]", "said Mar 14 02:13:09 alpha corosync[1]: [TOTEM ] Retransmit List: 4a"),
    ("systemd[1]", "Started x. Mar 14 02:13:09 alpha corosync[15]: [TOTEM ] Retransmit List: 4a"),
]  # fmt: skip
LOOSE = [
    "  continued", "", "wait_for_quorum", "-- Reboot --", "-- Boot 0123456789abcdef0123456789abcdef --", "…", "\r", "\0" * 40, "> quoted", "Mar 14 x",
    "[QUORUM] This node is within the non-primary component", "     Active: active since Sat 2026-03-14 01:00:00 CET; 1h", "\tat Foo::bar line 3",
    "Mar 14 02:13:07 alpha last message repeated 3 times", "Feb 31 02:13:07 alpha x[1]: y", "Mär 14 02:13:07 alpha x[1]: y", "Mar 14 24:13:07 alpha x[1]: y",
    "Mar 14 02:13:60 alpha x[1]: y", "Mar  4 02:13:07.123456 alpha x[1]: y", "2026-03-14T02:13:07,123456+01:00 alpha x[1]: y", "y" * 9_000,
]  # fmt: skip
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def stamp(kind, at):
    day, rest = divmod(at, 86_400)
    month, day = day // 28 % 12, day % 28 + 1
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    if kind == "bsd":
        return f"{MONTHS[month]} {day:2} {clock}"
    date = f"{2025 + at // 86_400 // 336}-{month + 1:02}-{day:02}T{clock}"
    return date + {"iso": f".{at * 7919 % 1_000_000:06}+01:00", "short": "+0100", "zulu": f".{at * 31 % 1_000_000:06}Z"}[kind]


def text_of(seed, *, length=400, loose=0.02, kinds=("bsd", "iso", "short", "zulu")):
    draw = random.Random(seed)
    kind, at, rows = draw.choice(kinds), draw.randrange(86_400 * 330, 86_400 * 400), []
    hosts = draw.choice([["alpha"], HOSTS])
    wanted = draw.sample(MESSAGES, draw.randint(1, len(MESSAGES)))
    loose *= draw.choice([0, 1, 1, 5])
    while len(rows) < length:
        at += draw.choice([0, 0, 0, 1, 1, 5, 40])
        if draw.random() < 0.01:
            at += draw.choice([-3, -100, -500, -90_000, 4_000, 90_000])
            kind = draw.choice([kind, kind, draw.choice(kinds)])
        if draw.random() < loose:
            rows.append(draw.choice(LOOSE))
            continue
        tag, message = draw.choice(wanted)
        tag = tag.replace("CRON[77123", f"CRON[{draw.randrange(1, 9_999_999)}")
        rows.append(f"{stamp(kind, at)} {draw.choice(hosts)} {tag}: {message}{draw.choice(['', '', ' ', chr(13)])}")
    between = draw.choice(["\n", "\n", "\r\n"])
    return between.join(rows).encode() + draw.choice([b"", b"\n", b"\xff\xe2\x82"])


def both(data, *, size=0, page=1 << 20, matcher=None, index=INDEX, shelve=False):
    matcher = matcher or make_matcher(index)
    chunks = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    shelves = [EverydayFile() if shelve else None for _ in range(2)]
    slow = scan_log("syslog", [data], index, matcher=make_matcher(index, (PlainMatcher,)), fast=False, shelf=shelves[0])
    with mock.patch("pveforensics.events.scan.SHORT", 1), mock.patch.multiple(fast, LEAST=1, SIZE=page):
        quick = scan_log("syslog", chunks, index, matcher=matcher, shelf=shelves[1])
    slow, quick = (recalled((one,), index, {"syslog": NoClock()}, {})[0] for one in (slow, quick))
    return slow, quick


def the_same(data, **how):
    """The scan, which is the same by both ways, also where only the first lines are asked for their programs."""
    for named in (30, lines.NAMED):
        with mock.patch.object(lines, "NAMED", named), mock.patch.object(fast, "NAMED", named):
            slow, quick = both(data, **how)
        assert quick == slow
        assert list(quick.hosts) == list(slow.hosts)
    return quick


def test_behind_the_first_lines_programs_are_told_by_lines_with_an_anchor_alone():
    plain = [f"Mar 14 02:13:07 alpha tool{number}[1]: x" for number in range(60)]
    known = "Mar 14 02:13:07 alpha corosync[15]: [TOTEM ] Retransmit List: 4a"
    odd = "Mar 14 02:13:07 alpha no tag here"
    told = the_same("\n".join([*plain, known, odd]).encode())
    assert {"tool0", "tool59", "corosync"} <= told.programs
    with mock.patch.object(lines, "NAMED", 30), mock.patch.object(fast, "NAMED", 30):
        few = both("\n".join([*plain, known, odd]).encode())[1]
    assert {"tool0", "tool29", "corosync"} <= few.programs
    assert not {"tool30", "tool59"} & few.programs
    assert (told.recognized, few.recognized) == (62, 62)
    assert (told.hosts, few.hosts) == ({"alpha": 61}, {"alpha": 62})


def test_a_program_learned_behind_the_first_lines_from_a_line_without_an_anchor_is_told_by_its_next_line_with_one():
    rows = ["Mar 14 02:13:07 alpha tool[1]: x"] * 120
    rows[40] = "Mar 14 02:13:07 alpha corosync[15]: ready"
    rows[80] = "Mar 14 02:13:07 alpha corosync[15]: [TOTEM ] Retransmit List: 4a"
    assert the_same("\n".join(rows).encode()).programs == {"tool", "corosync"}
    with mock.patch.object(lines, "NAMED", 30), mock.patch.object(fast, "NAMED", 30):
        without_an_anchor = both("\n".join([*rows[:80], *rows[81:]]).encode())
    assert [each.programs for each in without_an_anchor] == [{"tool"}, {"tool"}]


@pytest.mark.parametrize("between", ["", " "])
def test_a_log_whose_line_ends_were_lost_is_read_record_by_record(between):
    row = "Mar 14 02:13:07 alpha corosync[15]: [TOTEM ] Retransmit List: 4a."
    told = the_same((f"{row}{between}" * 2_000).encode())
    assert [(record.kind, record.count) for record in told.records] == [("retransmit", 2_000)]


EVERYDAY = SignatureIndex(
    [
        *(replace(one, everyday="") for one in SIGNATURES if one.id in ("retransmit", "task", "link")),
        replace(
            next(one for one in SIGNATURES if one.id == "slow"),
            storm=False,
            everyday="seconds)",
            match=r"update time \((?P<seconds>[0-9]+\.5) sec",
        ),
        *(one for one in SIGNATURES if one.id in ("lost", "crm", "started")),
    ]
)


@given(st.integers(0, 1 << 32), st.sampled_from([0, 1_000]), st.sampled_from([1 << 20, 3_000]), st.sampled_from([2, 1 << 20]))
@example(756586016, 0, 1 << 20, 2)  # a comma for the point in a fraction: a stamp as long as those of another format
@settings(max_examples=80)
def test_everyday_lines_are_kept_and_recalled_the_same(seed, size, page, dense):
    with mock.patch.object(shelving, "DENSE", dense), mock.patch.object(candidates, "DENSE", dense):
        the_same(text_of(seed), size=size, page=page, index=EVERYDAY, shelve=True)


@given(st.integers(0, 1 << 32))
@example(41910)  # within a minute of a storm the time steps back
@settings(max_examples=40)
def test_of_many_everyday_lines_the_same_ones_are_recalled(seed):
    with mock.patch.object(recall, "FEW", 0):
        the_same(text_of(seed), page=3_000, index=EVERYDAY, shelve=True)


@pytest.mark.parametrize("shelve", [True, False])
def test_a_storm_of_which_corosync_2_left_each_line_twice_counts_once(shelve):
    shown = "Retransmit List: 4a"
    rows = [f"Mar 14 02:13:{at:02} alpha corosync[15]: {level} [TOTEM ] {shown}" for at in range(40) for level in ("", "notice ")]
    for told in both("\n".join(rows).encode(), index=EVERYDAY, shelve=shelve):
        assert sum(record.count for record in told.records) == 40


@given(st.integers(0, 1 << 32))
@settings(max_examples=40)
def test_few_everyday_lines_become_the_records_that_they_were_before(seed):
    data = text_of(seed)
    kept, plain = (both(data, index=EVERYDAY, shelve=shelve)[1].records for shelve in (True, False))
    single = [
        [replace(one, before=(), after=(), boot_id="", last=None) for one in found if one.signature in ("task", "crm", "lost")]
        for found in (kept, plain)
    ]
    assert single[0] == single[1]


@given(st.integers(0, 1 << 32), st.sampled_from([0, 1_000, 1_000, 4_096]), st.sampled_from([1 << 20, 3_000, 9_000]))
@settings(max_examples=80)
def test_any_text_gives_the_same_in_any_chunks(seed, size, page):
    the_same(text_of(seed), size=size, page=page)


@pytest.mark.parametrize("make", BACK_ENDS)
def test_every_engine_gives_the_same(make):
    try:
        matcher = make_matcher(INDEX, (make,))
    except ImportError:
        pytest.skip("not installed")
    for seed in range(20):
        the_same(text_of(seed), matcher=matcher)


@given(st.integers(0, 1 << 32), st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=30))
@settings(max_examples=60)
def test_flipped_bytes_give_the_same(seed, flips):
    data = bytearray(text_of(seed, length=150))
    for at, value in flips:
        data[at % len(data)] = value
    the_same(bytes(data), page=4_000)


@pytest.mark.parametrize("kind", ["bsd", "iso", "short", "zulu"])
def test_nearly_all_lines_are_read_by_their_columns(kind):
    rows = [f"{stamp(kind, 30_000_000 + at)} alpha CRON[{at}]: session opened\n" for at in range(5_000)]
    rows[3_000:3_000] = [f"{stamp(kind, 30_003_000)} alpha corosync[15]:   [TOTEM ] Retransmit List: 4a\n"]
    with (
        mock.patch.object(TextScan, "feed", autospec=True, side_effect=TextScan.feed) as feed,
        mock.patch("pveforensics.events.scan.SHORT", 1),
        mock.patch.multiple(fast, LEAST=1),
    ):
        result = scan_log("syslog", ["".join(rows).encode()], INDEX)
    assert feed.call_count < 60
    assert [record.kind for record in result.records] == ["retransmit"]
    assert result.records[0].before == (rows[2_998].rstrip(), rows[2_999].rstrip())
    assert the_same("".join(rows).encode()).recognized == 5_001


def test_drift_over_a_year_backwards_is_not_taken_for_a_step():
    day = 86_400
    rows = [f"{stamp('bsd', 330 * day - at * 15 * day)} alpha x[1]: y\n" for at in range(21) for _ in range(30)]
    with mock.patch.object(coverage, "BACK_US", 20 * day * 1_000_000), mock.patch.object(columns, "BACK_US", 20 * day * 1_000_000):
        the_same("".join(rows).encode())


@pytest.mark.parametrize("row", LOOSE)
def test_each_odd_line_among_plain_ones_gives_the_same(row):
    plain = [f"{stamp('bsd', 6_300_000 + at)} alpha x[1]: y" for at in range(300)]
    for at in range(20, 280, 26):
        plain[at] = row
    the_same("\n".join(plain).encode())


def test_many_hosts_and_many_programs_give_the_same():
    rows = [f"{stamp('bsd', 30_000_000 + at)} host{at % 97} program{at % 1_300}[7]: y\n" for at in range(6_000)]
    result = the_same("".join(rows).encode(), page=50_000)
    assert (len(result.hosts), len(result.programs)) == (97, 1_000)
