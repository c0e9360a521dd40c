"""The ticket summary and the terminal summary: their limits, and text from the evidence as mere text."""

import re

import cases
import pytest
from msgspec.structs import replace

from pveforensics.model import Evidence, Remedy
from pveforensics.report import document, markdown, summary
from pveforensics.report.story import tell, telling


@pytest.mark.parametrize("name", cases.ALL)
def test_the_ticket_summary_stays_below_its_limit(name):
    text = markdown(document.to_document(cases.ALL[name]()))
    assert 0 < len(text) <= 4000
    assert text.endswith("\n")


def test_the_ticket_summary_counts_what_it_leaves_out():
    text = markdown(document.to_document(cases.many()))
    shown = len(re.findall(r"^- \*\*F\d+", text, re.MULTILINE))
    left = int(re.search(r"and (\d+) more findings", text)[1])
    assert shown + left == 54


def test_the_ticket_summary_cites_places_and_cautions():
    text = markdown(document.to_document(cases.fenced()))
    assert "`alpha/var/log/syslog:4711`" in text
    assert "2 of 3 nodes received (missing: gamma)" in text
    assert "proven 0.97" in text


@pytest.mark.parametrize("payload", cases.PAYLOADS)
def test_hostile_text_renders_no_markup_in_markdown(payload):
    text = markdown(document.to_document(cases.hostile(payload)))
    assert len(text) <= 4000
    outside = re.sub(r"(`+) ?.*? ?\1", "", text)
    assert not re.search(r"(?<!\\)[<>\[\]@]", outside)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


@pytest.mark.parametrize("name", cases.ALL)
def test_the_terminal_summary_fits_24_by_80(name):
    lines = summary(document.to_document(cases.ALL[name]())).splitlines()
    assert len(lines) <= 22
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("payload", cases.PAYLOADS)
def test_no_escape_sequence_reaches_the_terminal(payload):
    text = summary(document.to_document(cases.hostile(payload)))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert len(text.splitlines()) <= 22


def test_the_terminal_summary_names_findings_in_order_and_what_was_not_checked():
    text = summary(document.to_document(cases.fenced()))
    assert text.index("F1  high          proven    alpha lost its only cluster link") < text.index("F3  catastrophic")
    assert "Could not check 1 rule: bmc" in text


def test_code_in_a_rule_is_code_in_the_ticket():
    caution = "Look at `ha-manager status` first, then at `x|y`."
    base = cases.fenced()
    found = replace(base.findings[0], remedies=(Remedy("Keep <it>", "hold", "", caution),))
    text = markdown(document.to_document(replace(base, findings=(found, *base.findings[1:]))))
    assert r"Hold: Keep \<it\> **Caution:** Look at `ha-manager status` first, then at `x|y`." in text


def test_the_line_that_a_finding_is_told_by_is_the_nearest_to_its_beginning_and_stands_once():
    late, copy, early, start = (
        Evidence(path, n, "alpha", text, at=cases.t(at), match=(0, 4))
        for path, n, text, at in (
            ("a", 9, "late", 900.0),
            ("b", 2, "lost in a copy", 600.4),
            ("a", 2, "lost", 600.2),
            ("a", 1, "boot", 0.0),
        )
    )
    base = cases.fenced()
    found = replace(base.findings[0], start=cases.t(600.0), evidence=(late, copy, early, start))
    doc = tell(document.to_document(replace(base, findings=(found,), incidents=()))).doc
    assert telling(doc, doc.findings[0]) == [copy.id, late.id, start.id, early.id]
