"""Binary journals: what they hold is read whole, from every layout, and never more than they hold."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_files import BOOT, INDEX, NEXT_BOOT, START, entry, export, needs_remote, real, story, written

from pveforensics.events import make_matcher, scan_journal, scan_log, without_copies
from pveforensics.events.journal.spool import spooled
from pveforensics.events.scan.plain import PlainMatcher
from pveforensics.timebase import SECOND

MATCHER = make_matcher(INDEX)


def scan(data, path="var/log/journal/m/system.journal", **more):
    return scan_journal(path, [data], INDEX, matcher=MATCHER, **more)


def told(scans):
    """What records say, without the times that a file is free to state in its own way."""
    return [
        (r.kind, dict(r.fields), r.host, r.program, r.pid, r.stamp.text, r.boot_id, r.uptime_us, r.count)
        for each in scans for r in each.records if r.kind != "boot_separator"
    ]  # fmt: skip


@needs_remote
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("keyed", [False, True])
def test_a_real_journal_says_what_the_stream_says_that_it_was_made_of(tmp_path, compact, keyed):
    entries = story(3000)
    scans = [scan(data) for data in real(tmp_path, entries, compact=compact, keyed=keyed)]
    stream = scan_log("x", [export(entries)], INDEX)
    assert ("compact" in scans[0].format, "keyed" in scans[0].format) == (compact, keyed)
    assert sum(each.lines for each in scans) == 3000
    assert told(scans) == told([stream])
    assert {host: lines for each in scans for host, lines in each.hosts.items()} == stream.hosts
    assert scans[0].programs == stream.programs
    assert all(each.whole and not each.problems for each in scans)
    assert [(r.boot, r.fields) for r in scans[-1].records if r.kind == "boot_separator"] == [(1, {"boot_id": NEXT_BOOT})]


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("packing", [0, 1, 2, 4])
def test_packed_fields_are_searched(compact, packing):
    entries = story(400)
    made = scan(written(entries, compact=compact, packing=packing))
    assert told([made]) == told([scan_log("x", [export(entries)], INDEX)])
    assert any(len(r.text) > 700 for r in made.records if r.kind == "crit")
    assert not made.problems


def test_every_engine_finds_the_same():
    data = written(story(600, odd=0.3), packing=4)
    plain = PlainMatcher([*(text.encode() for text in INDEX.texts), b"UPID:", b" begin"])
    assert told([scan_journal("x", [data], INDEX, matcher=plain)]) == told([scan(data)])


def test_a_line_has_the_senders_time_and_keeps_the_time_of_receipt_as_its_text():
    made = scan(written([entry(0), entry(1, "corosync", "[QUORUM] This node is within the non-primary component"), entry(2)]))
    (record,) = made.records
    assert (record.stamp.text, record.stamp.epoch_us) == (str(START + SECOND), START + SECOND - 150)
    assert (record.line, record.text[slice(*record.match)]) == (2, "[QUORUM] This node is within the non-primary component")
    assert record.text.startswith("2026-03-14T01:00:00.999850+00:00 alpha corosync[1201]: ")
    assert [len(record.before), len(record.after)] == [1, 1]


def test_a_kernel_line_has_the_time_at_which_the_kernel_wrote_it():
    late = entry(0, "kernel", "eno1: Link up", mono=60 * SECOND, _SOURCE_MONOTONIC_TIMESTAMP=str(2 * SECOND))
    (record,) = scan(written([late, entry(1)])).records
    assert (record.stamp.epoch_us, record.uptime_us) == (START - 58 * SECOND, 2 * SECOND)


def test_coverage_ends_with_a_boot_and_with_a_hole():
    entries = [entry(k) for k in (0, 60, 5000, 5060)] + [entry(k, boot=NEXT_BOOT, mono=k * SECOND) for k in (5070, 5080)]
    made = scan(written(entries))
    spans = [
        ((r.first.epoch_us - START + 150) // SECOND, (r.last.epoch_us - START + 150) // SECOND, r.first_line, r.last_line, r.boot)
        for r in made.runs
    ]
    assert spans == [(0, 60, 1, 2, 0), (5000, 5060, 3, 4, 0), (5070, 5080, 5, 6, 1)]


def test_machines_side_by_side_are_no_boots_of_each_other():
    entries = [entry(k, host="alpha" if k % 2 else "beta", boot=BOOT if k % 2 else NEXT_BOOT) for k in range(20)]
    made = scan(written(entries))
    assert made.hosts == {"alpha": 10, "beta": 10}
    assert (len(made.runs), [r.kind for r in made.records]) == (1, [])


@pytest.mark.parametrize("seconds", [-40, 120])
def test_a_step_of_the_clock_is_told_by_the_other_clock(seconds):
    entries = [entry(k) for k in range(10)] + [entry(k, at=START + (k + seconds) * SECOND, mono=(k + 5) * SECOND) for k in range(10, 20)]
    (record,) = scan(written(entries)).records
    assert (record.kind, record.line, record.fields) == ("journal_clock_step", 11, {"seconds": f"{seconds:.6f}"})


@pytest.mark.parametrize("word", [3, 4])
@pytest.mark.parametrize("place", [0, 7, 19])
def test_a_damaged_time_neither_steps_nor_stretches_coverage(word, place):
    data = bytearray(written([entry(k) for k in range(20)]))
    at = [k for k in range(0, len(data), 8) if data[k : k + 16] == b"\3" + bytes(7) + data[k + 8 : k + 9] + bytes(7)][place] + 8 * word
    data[at : at + 8] = (int.from_bytes(data[at : at + 8], "little") ^ (1 << 49)).to_bytes(8, "little")
    made = scan(bytes(data))
    assert not made.records
    (run,) = made.runs
    assert (run.first.epoch_us, run.last.epoch_us) == (START - 150, START + 19 * SECOND - 150)


@needs_remote
@pytest.mark.parametrize("compact", [False, True])
def test_of_a_damaged_journal_only_what_was_hit_is_lost(tmp_path, compact):
    entries = story(8000)
    data = bytearray(real(tmp_path, entries, compact=compact)[0])
    whole = scan(bytes(data))
    draw = random.Random(7)
    for _ in range(200):
        data[draw.randrange(4096, len(data))] ^= 1 << draw.randrange(8)
    flipped = scan(bytes(data))
    assert flipped.lines >= 0.99 * whole.lines
    assert len(flipped.records) >= 0.98 * len(whole.records)
    assert flipped.runs[0].first.epoch_us == whole.runs[0].first.epoch_us
    assert flipped.runs[-1].last.epoch_us <= whole.runs[-1].last.epoch_us


@needs_remote
@pytest.mark.parametrize("compact", [False, True])
def test_half_a_journal_gives_all_entries_before_the_cut(tmp_path, compact):
    entries = story(6000)
    data = real(tmp_path, entries, compact=compact)[0]
    cut = data.index(int(entries[3000]["__REALTIME_TIMESTAMP"]).to_bytes(8, "little"))
    whole, half = scan(data), scan(data[:cut])
    assert half.lines == 3000
    assert any(problem.startswith("cut off: ") for problem in half.problems)
    assert told([half]) == [line for line in told([whole]) if int(line[5]) < int(entries[3000]["__REALTIME_TIMESTAMP"])]


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("lost", [8, 208, 272])
def test_a_journal_without_its_head_is_known_by_its_entries(compact, lost):
    entries = story(300)
    data = written(entries, compact=compact)
    made = scan(bytes(lost) + data[lost:])
    assert told([made]) == told([scan(data)])
    assert "header is damaged" in made.problems[0]


def test_a_storm_is_counted_by_the_minute():
    entries = [entry(k, at=START + k * SECOND + 500, message=f"status update time ({k}.5 seconds)") for k in range(150)]
    made = scan(written(entries))
    assert [(r.count, r.line, r.fields["seconds"]) for r in made.records] == [(60, 1, "0.5"), (60, 61, "60.5"), (30, 121, "120.5")]
    assert told([made]) == told([scan_log("x", [export(entries)], INDEX)])
    assert [r.text for r in made.records if "status update" not in r.text] == []


def test_copies_of_an_entry_count_once():
    entries = story(300, odd=0.4)
    archived, live = scan(written(entries[:200])), scan(written(entries[100:], seqnum=101))
    joined = without_copies([archived, live])
    single = [line for line in told(joined) if line[0] != "slow"]  # storms are counted by the minute: where those are cut, dating decides
    assert single == [line for line in told([scan(written(entries))]) if line[0] != "slow"]
    assert len(joined[1].records) == len(joined[1].entries) < len(live.records)
    assert without_copies([archived])[0] is archived


def test_a_long_journal_is_read_from_the_disk_with_the_same_result():
    data = written(story(100))
    chunks = [data[k : k + 1000] for k in range(0, len(data), 1000)]
    with spooled(chunks, in_memory=5000) as spool:
        assert (bytes(spool.data[:]), spool.size, spool.problems) == (data, len(data), ())
    with spooled(chunks, in_memory=5000, most=7500) as spool:
        assert (bytes(spool.data[:]), spool.size) == (data[:7500], len(data))
        assert "only the first 7,500" in spool.problems[0]


def test_the_state_of_the_file_is_told_and_proves_nothing():
    data = written([entry(0)], state=1, compatible=1, packing=1, compact=True)
    made = scan(data, "system@000660da4641b4ff-4043d05a050c95d6.journal~")
    assert (made.format, made.records, made.problems) == ("journal-binary xz keyed compact sealed open", (), ())


def test_a_users_journal_is_not_whole():
    data = written(story(300, odd=1.0))
    assert scan(data).whole
    assert not scan(data, "var/log/journal/m/user-1000.journal").whole


@pytest.mark.parametrize(
    ("packing", "body"),
    [(2, (1 << 40).to_bytes(8, "little") + b"x" * 60), (2, b"\1"), (4, b"\x28\xb5\x2f\xfd" + b"\xff" * 20), (1, b"\xfd7zXZ")],
)
def test_impossible_sizes_cost_their_field_only(packing, body, monkeypatch):
    monkeypatch.setitem(__import__("journal_files").PACK, packing, lambda _: body)
    made = scan(written([entry(0, "corosync", "x" * 500), entry(1)], packing=packing))
    assert made.lines == 2
    assert made.problems == ("1 packed fields are damaged or too large and were not searched",)


@settings(max_examples=60)
@given(st.integers(0, 1 << 30), st.integers(0, 400), st.sampled_from([0, 1, 2, 4]), st.booleans(), st.booleans())
def test_no_damage_raises(seed, flips, packing, compact, shuffle):
    draw = random.Random(seed)
    data = bytearray(written(story(40, seed % 5, odd=0.5), packing=packing, compact=compact))
    for _ in range(flips):
        data[draw.randrange(len(data))] = draw.choice((0, 1, 3, 255, draw.randrange(256)))
    if shuffle:
        at, to = sorted(draw.randrange(0, len(data), 8) for _ in range(2))
        data[at:at] = data[to : to + draw.randrange(4096)]
    made = scan(bytes(data[: draw.randrange(len(data) + 1)]))
    assert made.lines <= 200
    assert all(r.line <= made.lines for r in made.records)


@settings(max_examples=60)
@given(st.binary(max_size=3000))
def test_no_bytes_raise(data):
    assert scan(b"LPKSHHRH" + data).size == len(data) + 8
    assert scan(data).size == len(data)
