"""Clocks: what nodes log together tells how far they differ; nothing else moves anything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.clocks import align
from pveforensics.clocks.eras import BOOTS, Era, _with_boots, steps_of
from pveforensics.clocks.offsets import AGREE_S, NOTICED_S, Agreed, _known
from pveforensics.model import Coverage, Event, Evidence, NodeClock, Snapshot, Timeline
from pveforensics.timebase import SECOND, Basis, Instant

HOUR = 1_780_000_000 * SECOND
KNOWN = NodeClock("Europe/Berlin", "etc/timezone")
ASSUMED = NodeClock(None, "assumed UTC")


def at(seconds):
    return Instant(HOUR + round(seconds * SECOND))


def line(node, when, kind, number, text="", **fields):
    program = {"clock_stepped": "chronyd", "boot_started": "kernel"}.get(kind, "corosync")
    proof = Evidence(f"{node}/syslog", number, node, text or f"{when} {node} {program}: {kind}", "", at(when))
    return Event(kind, node, at(when), fields, (proof,), seq=number, program=program)


def ring(node, when, number, name):
    return line(node, when, "totem_membership_changed", number, ring_rep="1", ring_seq=name)


def timeline(*events, clocks=None, **more):
    ordered = tuple(sorted(events, key=lambda event: (event.at.us, event.seq)))
    nodes = {event.node for event in events}
    return Timeline(ordered, clocks=clocks or dict.fromkeys(nodes, KNOWN), **more)


def rings(node, offset, moments, names="abcdefgh"):
    return [ring(node, moment + offset, number, name) for number, (moment, name) in enumerate(zip(moments, names, strict=False), 1)]


MOMENTS = (0, 400, 900, 1300)


def states(found, state):
    return [each for each in found.clock_states if each.state == state]


def test_agreeing_clocks_stay_as_they_are():
    told = align(timeline(*rings("alpha", 0, MOMENTS), *rings("beta", 0.8, MOMENTS)))
    assert {node: clock.offset_s for node, clock in told.clocks.items()} == {"alpha": 0.0, "beta": 0.0}
    assert told.clock_states == told.notes == ()
    assert all(event.at.basis is Basis.STATED for event in told.events)


@pytest.mark.parametrize("offset", [37, -37, 3600, -3599.5, 86400 * 70])
def test_an_offset_moves_events_coverage_and_dumps_and_not_the_evidence(offset):
    events = [*rings("alpha", 0, MOMENTS), *rings("beta", offset, MOMENTS), *rings("gamma", 0.5, MOMENTS)]
    span = Coverage("beta", at(offset), at(offset + 1300), "beta/syslog")
    dump = Snapshot("quorum_status", "beta", at(offset + 500))
    told = align(timeline(*events, coverage=(span,), snapshots=(dump,)))
    assert told.clocks["beta"].offset_s == pytest.approx(offset, abs=0.6)
    for event in told.events:
        assert abs(event.at.us - (HOUR + MOMENTS["abcd".index(event.fields["ring_seq"])] * SECOND)) <= SECOND
    moved = [event for event in told.events if event.node == "beta"]
    assert {event.at.basis for event in moved} == {Basis.ALIGNED}
    assert moved[0].evidence[0].at == at(offset)
    assert told.coverage[0].start.seconds_since(at(0)) == pytest.approx(0, abs=0.6)
    assert told.snapshots[0].at.seconds_since(at(500)) == pytest.approx(0, abs=0.6)
    assert [state.fields["against"] for state in states(told, "off")] == ["alpha"]
    assert any("clock of beta" in note for note in told.notes)


def test_an_applied_offset_names_the_anchors_that_prove_it_and_lines_to_redo_the_sum_from():
    groups = [
        line(node, 1400 + late, "pmxcfs_members", 9, domain="status", members="1/901,2/902") for node, late in (("alpha", 0), ("beta", 37))
    ]
    told = align(timeline(*rings("alpha", 0, MOMENTS), *rings("beta", 37, MOMENTS), *groups))
    (offset,) = told.clocks["beta"].offsets
    assert (offset.seconds, offset.anchors, offset.against) == (pytest.approx(37, abs=0.1), {"ring": 4, "group": 1}, ("alpha",))
    assert len(offset.pairs) == 3
    for pair in offset.pairs:
        assert (pair.node, pair.own.node, pair.other.node) == ("alpha", "beta", "alpha")
        assert pair.own.at.seconds_since(pair.other.at) == pytest.approx(offset.seconds, abs=0.1)
    assert told.clocks["alpha"].offsets == ()


def test_what_a_step_adds_to_a_proven_offset_is_told_apart():
    stepped = line("beta", 2037 - 30, "clock_stepped", 20, seconds="-30.0")
    later = [line(node, 2100 + k, "corosync_ready", 30 + k) for node in ("alpha", "beta") for k in range(3)]
    told = align(timeline(*rings("alpha", 0, MOMENTS), *rings("beta", 37, MOMENTS), stepped, *later))
    first, second = told.clocks["beta"].offsets
    assert (first.stepped, second.stepped) == (0.0, -30.0)
    assert second.seconds == pytest.approx(first.seconds - 30, abs=0.1)


def test_a_step_that_only_a_journals_two_clocks_show_is_told_once():
    quiet = [line("alpha", k, "corosync_ready", k + 1) for k in range(5)]
    moved = [line("alpha", 100 + k, "corosync_ready", k + 6) for k in range(5)]
    shown = line("alpha", 100, "journal_clock_step", 6, seconds="95.2")
    (step,) = states(align(timeline(*quiet, shown, *moved)), "stepped")
    assert (step.fields["why"], step.fields["size"]) == ("it moved against the clock since boot", "95")
    said = line("alpha", 100.001, "clock_stepped", 7, seconds="95.2")
    (step,) = states(align(timeline(*quiet, shown, said, *moved)), "stepped")
    assert step.fields["why"] == "the time service set it"


def test_one_anchor_proves_nothing():
    told = align(timeline(*rings("alpha", 0, (0,)), *rings("beta", 500, (0,))))
    assert told.clock_states == ()
    assert [event.at for event in told.events] == [at(0), at(500)]


def test_scattered_anchors_shift_nothing_and_are_told():
    late = [
        ring("beta", moment + lag, number, name)
        for number, (moment, lag, name) in enumerate(zip(MOMENTS, (0, 50, 140, 300), "abcd", strict=True))
    ]
    told = align(timeline(*rings("alpha", 0, MOMENTS), *late))
    assert told.clocks["beta"].offset_s == 0.0
    assert any("cannot be compared" in note for note in told.notes)


def test_a_ring_id_that_came_back_after_a_restart_is_paired_with_its_own_round():
    again = (0, 400, 90_000, 90_400)
    told = align(timeline(*rings("alpha", 0, again, "abab"), *rings("beta", 37, again, "abab")))
    assert told.clocks["beta"].offset_s == pytest.approx(37, abs=0.1)


def test_a_lost_first_half_does_not_pair_yesterdays_ring_with_todays():
    told = align(timeline(*rings("alpha", 0, (0,), "a"), *rings("beta", 0, (90_000,), "a")))
    assert told.clock_states == ()


def test_a_zone_that_was_only_assumed_is_healed_and_noted():
    events = (*rings("alpha", 0, MOMENTS), *rings("beta", 3600, MOMENTS))
    told = align(timeline(*events, clocks={"alpha": KNOWN, "beta": ASSUMED}))
    assert told.clocks["beta"].offset_s == 3600
    assert states(told, "off") == []
    assert any("zone" in note and "+01:00" in note for note in told.notes)


def test_each_boot_has_its_own_offset_where_a_step_lies_between_them():
    beta = [*rings("beta", 900.5, MOMENTS[:2], "ab"), line("beta", 600, "boot_started", 3)]
    beta += [ring("beta", moment, number, name) for number, moment, name in ((4, 900, "c"), (5, 1300, "d"))]
    told = align(timeline(*rings("alpha", 0, MOMENTS), *beta, *rings("gamma", 0, MOMENTS)))
    offsets = {e.fields["ring_seq"]: round(e.at.seconds_since(at(0))) for e in told.events if e.node == "beta" and e.kind != "boot_started"}
    assert offsets == {"a": 0, "b": 400, "c": 900, "d": 1300}


def test_the_time_services_step_is_told_with_its_size_and_parts_the_offsets():
    beta = [ring("beta", -120, 1, "a"), ring("beta", 280, 2, "b"), line("beta", 600, "clock_stepped", 3, seconds="120.0")]
    told = align(timeline(*rings("alpha", 0, MOMENTS), *beta, *[ring("beta", m, n, r) for n, m, r in ((4, 900, "c"), (5, 1300, "d"))]))
    (step,) = states(told, "stepped")
    assert (step.fields["seconds"], step.fields["size"], step.fields["at_boot"]) == ("+120.0", "120", "no")
    assert [round(e.at.seconds_since(at(0))) for e in told.events if e.node == "beta" and "ring_seq" in e.fields] == [0, 400, 900, 1300]


def kernel(node, when, number, up):
    return line(node, when, "nic_link_up", number, f"Mar 14 02:13:07 {node} kernel: [{up:12.6f}] igb: link is up")


def test_kernel_seconds_show_a_step_that_no_line_tells():
    told = align(timeline(kernel("alpha", 0, 1, 1000), kernel("alpha", 600, 2, 1600), kernel("alpha", 4300, 3, 1700)))
    (step,) = states(told, "stepped")
    assert float(step.fields["seconds"]) == pytest.approx(3600, abs=1)
    assert "kernel" in step.fields["why"]


def test_late_lines_of_an_early_boot_and_slow_drift_are_no_step():
    early = (kernel("alpha", 40, 1, 2), kernel("alpha", 41, 2, 38), kernel("alpha", 90_000 + 20, 3, 90_000))
    assert align(timeline(*early)).clock_states == ()


def test_two_outputs_behind_each_other_are_no_step():
    first = [line("alpha", 10 * k, "quiet", k, program_="") for k in range(1, 30)]
    second = [line("alpha", 10 * k, "quiet", 40 + k, program_="") for k in range(1, 30)]
    events = tuple(first + second)
    assert align(Timeline(events, clocks={"alpha": KNOWN})).clock_states == ()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-(10**6), 10**6), st.sampled_from("uvwxyz"), st.booleans()), max_size=40))
def test_any_mixture_of_anchors_and_boots_keeps_every_event_and_its_evidence(rows):
    events = [
        line(node, when, "boot_started", number) if boots else ring(node, when, number, name)
        for number, (node, when, name, boots) in enumerate(rows)
    ]
    told = align(timeline(*events))
    assert len(told.events) == len(events)
    assert sorted(e.evidence[0].line for e in told.events) == sorted(e.evidence[0].line for e in events)
    assert [e.at.us for e in told.events] == sorted(e.at.us for e in told.events)
    assert all(s.start is None or s.end is None or s.start.us <= s.end.us for s in told.clock_states)


# --- what is found by bisection or by sums is what looking at everything finds ---------------------------


def told_of_each_era(parts):
    """The offset of every era as its words say it: of the nearest proven one, the later of two, with all steps between."""
    proven = [place for place, (_, own) in enumerate(parts) if own is not None]
    for place in range(len(parts)) if proven else ():
        source = min(proven, key=lambda other: (abs(other - place), other < place))
        between = [parts[k][0].step for k in range(min(source, place) + 1, max(source, place) + 1)]
        moved = sum(step for step in between if step is not None and abs(step) > AGREE_S) * (1 if source < place else -1)
        seconds = parts[source][1].seconds + moved
        yield 0.0 if abs(seconds) < NOTICED_S else seconds


ERAS = st.tuples(st.one_of(st.none(), st.integers(-90_000, 90_000)), st.one_of(st.none(), st.integers(-90_000, 90_000)))


@given(st.lists(ERAS, min_size=1, max_size=30))
def test_the_offset_of_an_era_is_that_of_the_nearest_proven_one_and_the_steps_between(rows):
    parts = [
        (Era(seq, None, None if step is None else step / 1000, 1), None if own is None else Agreed(own / 1000, 0.5, ()))
        for seq, (step, own) in enumerate(rows)
    ]
    assert [offset.seconds for offset in _known(parts)] == pytest.approx(list(told_of_each_era(parts)), abs=1e-6)


@given(st.lists(st.tuples(st.sampled_from(["boot_started", "clock_stepped", "other"]), st.integers(0, 900)), max_size=30))
def test_a_step_is_at_a_boot_if_the_last_boot_above_it_is_near(rows):
    written = [line("a", when, kind, number, seconds="30") for number, (kind, when) in enumerate(rows, 1)]
    steps = steps_of(written)
    for step, marked in zip(steps, _with_boots(steps, written), strict=True):
        above = [event for event in written if event.kind in BOOTS and event.seq <= step.seq]
        age = step.after.seconds_since(above[-1].at) if above else None
        assert marked.at_boot == (age is not None and age - max(0.0, step.seconds or 0.0) <= 600)
