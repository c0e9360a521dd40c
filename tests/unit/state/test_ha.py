from hypothesis import given, settings
from hypothesis import strategies as st
from lives import WORDS, at, spans, story, with_boots

from pveforensics.state.trackers import crm, guests, ha, lrm

ACTIVE = [(30, "lrm:startup>wait_for_agent_lock"), (31, "armed"), (31, "lrm:wait_for_agent_lock>active")]


def tracked(logs, **more):
    return ha.track(with_boots(story(logs, **more)))


def test_states_of_the_lrm_follow_its_lines():
    found = tracked({"alpha": [*ACTIVE, (120, "lrm:active>lost_agent_lock"), (150, "lrm:lost_agent_lock>active")]})
    assert [s[:2] for s in spans(found, "ha:alpha", "active")] == [(31, 120), (150, None)]
    lost = spans(found, "ha:alpha", "lost_agent_lock")
    assert lost[0][:2] == (120, 150)
    assert lost[0][2]["regained"] == "yes"
    assert spans(found, "ha:alpha", "armed") == [(31, None, {"closed_by": ""})]


def test_a_lock_lost_at_the_end_of_the_log_is_not_regained():
    lost = spans(tracked({"alpha": [*ACTIVE, (120, "lrm:active>lost_agent_lock")]}), "ha:alpha", "lost_agent_lock")
    assert (lost[0][1], lost[0][2]["regained"], lost[0][2]["armed"]) == (None, "no", "yes")


def test_a_lock_lost_before_a_boot_is_not_regained_by_it():
    log = [(0, "kernel"), *ACTIVE, (120, "lrm:active>lost_agent_lock"), (170, "line"), (300, "kernel"), *[(w + 300, x) for w, x in ACTIVE]]
    found = tracked({"alpha": log})
    assert spans(found, "ha:alpha", "lost_agent_lock")[0][:2] == (120, 170)
    assert [s[:2] for s in spans(found, "ha:alpha", "armed")] == [(31, 170), (331, None)]


def test_the_crms_watchdog_says_nothing_of_the_nodes():
    found = tracked({"alpha": [*ACTIVE, (120, "crm:master>lost_manager_lock"), (120, "crm_closed"), (125, "lrm:active>lost_agent_lock")]})
    assert spans(found, "ha:alpha", "armed")[0][:2] == (31, None)


def test_an_idle_lrm_is_not_armed():
    found = tracked({"alpha": [(30, "lrm:startup>wait_for_agent_lock"), (40, "crm:startup>wait_for_quorum"), (200, "line")]})
    assert not spans(found, "ha:alpha", "armed")


def test_a_log_that_begins_with_an_active_lrm_was_armed_before():
    found = tracked({"alpha": [(10, "line"), (120, "lrm:active>lost_agent_lock"), (200, "line")]})
    assert spans(found, "ha:alpha", "armed")[0][:2] == (None, None)
    assert spans(found, "ha:alpha", "active")[0][:2] == (None, 120)


def test_a_planned_restart_of_the_lrm_is_no_lost_lock():
    found = tracked(
        {"alpha": [*ACTIVE, (120, "lrm_restart"), (125, "closed"), (126, "lrm_stop"), (140, "lrm:startup>wait_for_agent_lock")]}
    )
    assert not spans(found, "ha:alpha", "lost_agent_lock")
    assert spans(found, "ha:alpha", "armed")[0][:2] == (31, 125)


def test_armed_at_a_moment():
    view = story({"alpha": [*ACTIVE, (120, "closed"), (200, "line")]})
    assert [lrm.armed_at(view, "alpha", at(when)) for when in (0, 60, 150)] == [None, True, False]


def test_the_master_is_one_until_another_takes_over():
    found = tracked(
        {"alpha": [(20, "crm:wait_for_quorum>master"), (200, "crm:master>lost_manager_lock")], "beta": [(260, "crm:slave>master")]}
    )
    assert spans(found, "ha:master", "alpha")[0][:2] == (20, 200)
    assert spans(found, "ha:master", "beta")[0][:2] == (260, None)


FENCE = [(118, "node:alpha:online>unknown"), (168, "node:alpha:unknown>fence"), (229, "ack:alpha"), (229, "node:alpha:fence>unknown")]


def test_a_fence_is_claimed_from_unknown_to_acknowledged():
    claim = spans(tracked({"beta": FENCE}), "node:alpha", "fence_claimed")
    assert claim[0][:2] == (118, 229)
    fields = claim[0][2]
    assert (fields["acknowledged"], fields["master"], fields["seconds"], fields["planned"], fields["own_log"]) == (
        "yes",
        "beta",
        "111",
        "no",
        "no",
    )


def test_a_fence_that_is_pending_is_not_acknowledged():
    claim = spans(tracked({"beta": FENCE[:2]}), "node:alpha", "fence_claimed")
    assert (claim[0][1], claim[0][2]["acknowledged"]) == (None, "no")


def test_a_fence_pending_before_the_log_has_no_start():
    claim = spans(
        tracked({"beta": [(20, "crm:wait_for_quorum>master"), *[(w - 200, x) for w, x in FENCE[2:]]]}), "node:alpha", "fence_claimed"
    )
    assert claim[0][:2] == (None, 29)


def test_a_node_that_is_only_away_is_not_claimed():
    found = tracked({"beta": [(118, "node:alpha:online>unknown"), (150, "node:alpha:unknown>online")]})
    assert not spans(found, "node:alpha", "fence_claimed")


def test_fence_words_for_a_node_that_was_shut_down_are_planned():
    words = [(150, "node:alpha:online>unknown"), (210, "node:alpha:unknown>fence"), (210, "ack:alpha"), (300, "line")]
    own = {"alpha": [*ACTIVE, (120, "powering"), (125, "policy"), (130, "closed"), (131, "lrm_stop")]}
    assert spans(tracked({"beta": words, **own}), "node:alpha", "fence_claimed")[0][2]["planned"] == "yes"
    assert spans(tracked({"beta": words}), "node:alpha", "fence_claimed")[0][2]["planned"] == "yes"


def test_a_new_master_finds_the_lock_expired_and_that_is_not_planned():
    words = [(222, "crm:slave>master"), (222, "node:alpha:online>unknown"), (282, "node:alpha:unknown>fence"), (282, "ack:alpha")]
    assert spans(tracked({"beta": words}), "node:alpha", "fence_claimed")[0][2]["planned"] == "no"


def test_a_claim_knows_whether_the_nodes_own_log_reaches_to_it():
    claim = spans(tracked({"beta": FENCE, "alpha": [*ACTIVE, (118, "lrm:active>lost_agent_lock")]}), "node:alpha", "fence_claimed")
    assert (claim[0][2]["own_log"], claim[0][2]["planned"]) == ("yes", "no")


def test_a_guest_is_down_from_fence_to_started():
    log = [(10, "service:vm:100:request_start>started", {"params": "node = alpha"}), (168, "service:vm:100:started>fence"),
           (229, "service:vm:100:fence>recovery"), (230, "service:vm:100:recovery>started", {"params": "node = beta"})]  # fmt: skip
    found = guests.track(story({"beta": log}))
    assert spans(found, "guest:vm:100", "down") == [
        (
            168,
            230,
            {
                "node_before": "alpha",
                "node_after": "beta",
                "state": "recovery",
                "closed_by": "started",
                "planned": "no",
                "why": "",
                "name": "",
            },
        )
    ]


def test_a_guest_that_is_frozen_or_stopped_on_purpose_is_not_down():
    log = [(10, "service:vm:100:started>freeze"), (60, "service:vm:100:freeze>started"), (90, "service:vm:100:started>request_stop")]
    assert not guests.track(story({"beta": log}))


def test_a_guest_in_error_stays_down():
    found = guests.track(story({"beta": [(10, "service:vm:100:started>error")]}))
    assert spans(found, "guest:vm:100", "down")[0][:2] == (10, None)


CHANGES = [f"lrm:{a}>{b}" for a, after in lrm.TRANSITIONS.items() for b in after] + [
    f"crm:{a}>{b}" for a, after in crm.TRANSITIONS.items() for b in after
]
MORE = [*CHANGES, *sorted(WORDS), "ack:alpha", "node:alpha:online>unknown", "node:alpha:unknown>fence", "service:vm:1:fence>recovery"]


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(["alpha", "beta"]), st.lists(st.tuples(st.integers(0, 900), st.sampled_from(MORE)), max_size=20), max_size=2
    )
)
def test_any_lines_give_intervals_that_do_not_end_before_they_start(logs):
    for span in tracked(logs):
        assert span.start is None or span.end is None or span.start.us <= span.end.us
