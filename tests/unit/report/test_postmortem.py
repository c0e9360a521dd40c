"""The pre-filled post-mortem: each sentence stands on lines, people are roles, blanks can be seen."""

import re

import cases
import pytest
from msgspec.structs import replace

from pveforensics.model import Event
from pveforensics.report import document, render
from pveforensics.report.blameless import blameless, people
from pveforensics.report.sections import postmortem
from pveforensics.report.story import tell


def view(case):
    return postmortem.build(tell(document.to_document(case)))


def text(case):
    found = view(case)
    return {part.name: " ".join(sentence.text for sentence in part.sentences) for part in found.parts}


def test_a_fenced_node_fills_the_parts_that_evidence_carries():
    told = text(cases.fenced())
    assert told["Summary"].startswith(
        "alpha was reset by its watchdog (fenced) at or soon after 02:11:11 UTC on 14 March 2026, at least 71 s after its cluster network failed"
    )
    assert (
        "“alpha had no quorum for 60 s” led to “alpha was reset by its own watchdog”: without quorum the HA lock cannot be renewed."
        in told["Summary"]
    )
    assert (
        "alpha did not run for up to 3 min 49 s: its last line was written at 02:11:11 UTC, the first of its next boot at 02:15:00 UTC."
        in told["Impact"]
    )
    assert (
        "files (vm:100) was down for up to 89 s, 02:11:11 UTC to 02:12:40 UTC; it ran on alpha before and on beta after." in told["Impact"]
    )
    assert "The first sign is “alpha lost its only cluster link” at 02:10:00 UTC." in told["Trigger"]
    assert "network (likely 0.91)" in told["Root cause"]
    assert "The first line that tells it was written on alpha at 02:10:00 UTC." in told["Detection"]
    assert "The last guest, files, ran again at 02:12:40 UTC on beta." in told["Resolution"]
    assert "HA brought 1 guest back on beta." in told["What went well"]
    assert "alpha had no quorum for 60 s." in told["What went wrong"]


@pytest.mark.parametrize("name", [name for name in cases.ALL if name not in ("planned", "nothing", "empty")])
def test_every_sentence_and_every_moment_rests_on_a_line_of_the_document(name):
    whole = document.to_document(cases.ALL[name]())
    found = view(cases.ALL[name]())
    sentences = [sentence for part in found.parts for sentence in part.sentences]
    assert sentences
    assert found.moments
    for each in (*sentences, *found.moments):
        assert each.evidence
        assert set(each.evidence) <= set(whole["evidence"])


def test_every_sentence_links_to_its_lines():
    html = render(document.to_document(cases.fenced()))
    ids = set(re.findall(r'id="([^"]+)"', html))
    sentences = re.findall(r'<p class="s">(.*?)</p>', html, re.DOTALL)
    assert len(sentences) > 10
    for sentence in sentences:
        targets = re.findall(r'href="#(e-[0-9a-f]+)"', sentence)
        assert targets
        assert set(targets) <= ids


def test_blanks_can_be_seen_and_stand_in_every_part_that_only_people_can_fill():
    html = render(document.to_document(cases.fenced()))
    for words in ("Users, services and revenue", "What set it off, and its purpose", "Authors", "Reviewed"):
        assert f'<span class="blank"><span>{words}:</span> <i>to be filled by the team</i></span>' in html


@pytest.mark.parametrize("name", ["planned", "nothing", "empty"])
def test_where_nothing_failed_there_is_no_post_mortem(name):
    assert view(cases.ALL[name]()) is None


def test_actions_come_from_findings_with_a_role_and_without_a_name():
    actions = view(cases.fenced()).actions
    assert [(action.text, action.role) for action in actions] == [("Give corosync a second link on its own switch.", "platform")]


def test_an_action_shortly_before_is_told_as_what_it_is_and_without_its_author():
    case = cases.fenced()
    done = cases.line("alpha", 590, "pvedaemon[1234]: <jdoe@pam> starting task UPID:alpha:...:vzdump::jdoe@pam:", 4700)
    act = Event("task.start", "alpha", cases.t(590), {"type": "vzdump", "user": "jdoe@pam"}, (done,))
    told = text(replace(case, events=(act, *case.events)))
    assert "10 s, stands an action on alpha: task start vzdump; that it is the trigger is not shown." in told["Trigger"]


def test_people_are_roles():
    events = [document.view(document.to_document(replace(cases.fenced(), events=(Event("x", "alpha", None, {"user": "jdoe"}),)))).events[0]]
    assert people(events) == {"jdoe"}
    assert blameless("jdoe rebooted it, asked by root@pam and ops@pve!ci", people(events)) == (
        "an operator rebooted it, asked by the administrator account and an API token"
    )
    assert blameless("john.doe@example.org did") == "an operator did"
    assert blameless("guest:vm:100 and service corosync@alpha.service of /root@x") != ""


def test_what_happened_before_is_told():
    told = view(cases.many()).parts
    wrong = next(part for part in told if part.name == "What went wrong")
    assert wrong.sentences
