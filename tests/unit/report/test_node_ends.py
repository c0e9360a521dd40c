"""The moment at which a node went down: plain where a line tells it, else told by the lines around it."""

import cases
import pytest

from pveforensics.model import Criticality, Event, Finding, Incident
from pveforensics.report import document, markdown, node_ends
from pveforensics.report.sections import postmortem
from pveforensics.report.story import tell
from pveforensics.report.verdict import verdict


def went_down(class_, boots, *events, start=600.0, end=690.0, title="alpha went down"):
    """Alpha with these boots and one finding of its end; its line is the last one of the boot."""
    last = cases.line("alpha", start, "pvestatd[1201]: status update time (5.4 seconds)", 41)
    found = Finding(
        "rule", class_, Criticality.HIGH, 0.97, title, "s", ("alpha",), start=cases.t(start), end=cases.t(end), evidence=(last,)
    )
    incident = Incident(title, found.id, (found.id,), (), cases.t(start), cases.t(end))
    nodes = (cases.node_info("alpha", 1, boots), cases.node_info("beta", 2, (cases.boot("beta", 0, 3600),)))
    made = tuple(Event(kind, "alpha", cases.t(at), {}, (last,)) for kind, at in events)
    return document.to_document(cases.case(nodes, findings=(found,), incidents=(incident,), events=made))


def boots(manner="unclean", next_start=690.0, ended_by="unclean_unknown"):
    return cases.boot("alpha", 0, 600, manner, next_start, ended_by), cases.boot("alpha", 690, 3600)


def told(doc):
    """The verdict, the moment in the ticket's line of the finding, and the row of the post-mortem's timeline."""
    (row,) = [each.what for each in postmortem.build(tell(doc)).moments if each.what.startswith("F1 ")]
    (line,) = [line for line in markdown(doc).splitlines() if line.startswith("- **F1 ")]
    return verdict(tell(doc)).sentence, line.rpartition("0.97, ")[2].rstrip(")"), row


def test_a_reset_by_the_watchdog_came_at_the_last_line_or_soon_after():
    said, ticket, row = told(went_down("fencing", boots(ended_by="fencing")))
    assert said.startswith("alpha was reset by its watchdog (fenced) at or soon after 02:10:00 UTC on 14 March 2026")
    assert "it was back 90 s after its last line" in said
    assert ticket == "at or soon after 2026-03-14 02:10:00 UTC"
    assert row == "F1 alpha went down (at this moment or soon after)"


@pytest.mark.parametrize("manner", ["unclean", "unknown"])
def test_an_end_of_another_cause_lies_between_the_last_line_and_the_next_boot(manner):
    said, ticket, row = told(went_down("unclean_boot", boots(manner)))
    assert said.startswith(
        "alpha went down without a shutdown between its last line at 02:10:00 and its next boot at 02:11:30 UTC on 14 March 2026"
    )
    assert ticket == "between 2026-03-14 02:10:00 and 02:11:30 UTC"
    assert row == "F1 alpha went down (after this last line and before 02:11:30 UTC)"


def test_both_days_stand_where_the_boot_is_of_the_next():
    night = cases.boot("alpha", 0, 600, "unclean", 86_400.0), cases.boot("alpha", 86_400, 90_000)
    said, ticket, row = told(went_down("unclean_boot", night, end=86_400.0))
    assert "between its last line at 2026-03-14 02:10:00 and its next boot at 2026-03-15 02:00:00 UTC" in said
    assert ticket == "between 2026-03-14 02:10:00 and 2026-03-15 02:00:00 UTC"
    assert "before 2026-03-15 02:00:00 UTC" in row


@pytest.mark.parametrize("class_", ["fencing", "unclean_boot"])
@pytest.mark.parametrize("kind", ["kernel_panic", "softdog_reboot", "sysrq_reboot"])
def test_a_line_that_tells_the_end_is_its_moment(class_, kind):
    said, ticket, row = told(went_down(class_, boots(), (kind, 599.0)))
    assert " at 02:10:00 UTC on 14 March 2026" in said
    assert "it was back after 90 s" in said
    assert ticket == "2026-03-14 02:10:00 UTC"
    assert row == "F1 alpha went down"


@pytest.mark.parametrize(
    ("manner", "events", "words"),
    [
        (
            "unclean",
            (),
            "alpha did not run for up to 90 s: its last line was written at 02:10:00 UTC, the first of its next boot at 02:11:30 UTC.",
        ),
        (
            "unknown",
            (),
            "alpha did not run for up to 90 s: its last line was written at 02:10:00 UTC, the first of its next boot at 02:11:30 UTC.",
        ),
        ("unclean", (("kernel_panic", 599.0),), "alpha did not run for 90 s, 02:10:00 UTC to 02:11:30 UTC."),
    ],
)
def test_how_long_a_node_was_gone_is_a_bound_where_no_line_tells_its_end(manner, events, words):
    parts = postmortem.build(tell(went_down("unclean_boot", boots(manner), *events))).parts
    (impact,) = [part for part in parts if part.name == "Impact"]
    assert words in [sentence.text for sentence in impact.sentences]


@pytest.mark.parametrize("event", [("kernel_panic", 300.0), ("watchdog_expired", 600.0), ("kernel_panic", 700.0)])
def test_a_panic_of_another_time_and_the_expiry_of_a_watchdog_tell_no_reset(event):
    assert "at or soon after 02:10:00" in told(went_down("fencing", boots(), event))[0]


def test_where_the_log_ends_with_the_expiry_the_finding_keeps_its_time_and_the_reset_came_soon_after():
    said, ticket, row = told(went_down("fencing", (cases.boot("alpha", 0, 601),), ("watchdog_expired", 600.0), end=601.0))
    assert "was reset by its watchdog (fenced) at or soon after 02:10:00 UTC" in said
    assert ticket == "2026-03-14 02:10:00 UTC"
    assert row == "F1 alpha went down"


@pytest.mark.parametrize("lives", [(), (cases.boot("alpha", 0, 300), cases.boot("alpha", 2000, 3600))])
def test_what_only_the_others_tell_keeps_the_time_that_they_tell(lives):
    said, ticket, _ = told(went_down("fencing", lives))
    assert "(fenced) at 02:10:00 UTC" in said
    assert ticket == "2026-03-14 02:10:00 UTC"


def test_several_nodes_are_told_from_the_first_last_line_to_the_last_next_boot():
    found = [
        Finding("rule", "unclean_boot", Criticality.HIGH, 0.97, f"{name} went down", "s", (name,), start=cases.t(at), end=cases.t(back))
        for name, at, back in (("alpha", 600.0, 690.0), ("beta", 604.0, 720.0))
    ]
    nodes = (
        cases.node_info("alpha", 1, boots()),
        cases.node_info("beta", 2, (cases.boot("beta", 0, 604, "unclean", 720.0), cases.boot("beta", 720, 3600))),
        cases.node_info("gamma", 3, (cases.boot("gamma", 0, 3600),)),
    )
    incident = Incident("both", found[0].id, tuple(each.id for each in found), (), cases.t(600), cases.t(720))
    said = verdict(tell(document.to_document(cases.case(nodes, findings=tuple(found), incidents=(incident,))))).sentence
    assert "alpha and beta went down without a shutdown between 02:10:00 and 02:12:00 UTC on 14 March 2026" in said
    assert "the last one was back 116 s after its last line" in said


def test_of_several_ends_each_is_told_with_its_own_return():
    found = [
        Finding("rule", "unclean_boot", Criticality.HIGH, 0.97, "alpha went down", "s", ("alpha",), start=cases.t(at), end=cases.t(back))
        for at, back in ((600.0, 655.0), (900.0, 990.0))
    ]
    lives = (
        cases.boot("alpha", 0, 600, "unclean", 655.0),
        cases.boot("alpha", 655, 900, "unclean", 990.0),
        cases.boot("alpha", 990, 3600),
    )
    incidents = tuple(Incident("one", each.id, (each.id,), (), each.start, each.end) for each in found)
    said = verdict(
        tell(document.to_document(cases.case((cases.node_info("alpha", 1, lives),), findings=tuple(found), incidents=incidents)))
    ).sentence
    begin, _, back = said.partition("it was back ")
    assert ("02:10:00" in begin and back.startswith("55 s ")) or ("02:15:00" in begin and back.startswith("90 s "))


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("network", "network"), "90 s "),
        (("network", "unclean_boot"), "at least 90 s "),
        (("unclean_boot", "network"), "at most 90 s "),
        (("unclean_boot", "fencing"), "about 90 s "),
    ],
)
def test_how_much_later_something_was_is_told_as_surely_as_both_moments_are_known(classes, words):
    lives = (
        cases.boot("alpha", 0, 600, "unclean", 655.0),
        cases.boot("alpha", 655, 690, "unclean", 720.0),
        cases.boot("alpha", 720, 3600),
    )
    found = tuple(
        Finding(f"rule-{at}", class_, Criticality.HIGH, 0.97, "title", "s", ("alpha",), start=cases.t(at), end=cases.t(back))
        for class_, at, back in zip(classes, (600.0, 690.0), (655.0, 720.0), strict=True)
    )
    doc = document.view(document.to_document(cases.case((cases.node_info("alpha", 1, lives),), findings=found)))
    before, after = sorted(doc.findings, key=lambda finding: finding.start)
    assert node_ends.later(doc, before, after) == words
