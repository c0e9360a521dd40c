"""The ten golden cases: their documents stay as they are, and each of their reports holds what every report must."""

import json
import os
import re
from pathlib import Path

import cases
import golden_cases
import pytest

from pveforensics.model import Event, Evidence, NotRead, content_id
from pveforensics.report import document, markdown, render
from pveforensics.report.story import tell
from pveforensics.report.verdict import verdict

FOLDER = Path(__file__).parent / "golden"
SENTENCES = {
    "fenced": "alpha was reset by its watchdog (fenced) at or soon after 02:11:11 UTC on 14 March 2026, at least 71 s after its cluster network failed; it was back 3 min 49 s after its last line; guest files (vm:100) was down for up to 89 s.",
    "all-fenced": "All 3 nodes (alpha, beta and gamma) were reset by their watchdogs (fenced) between 02:11:09 and 02:11:11 UTC on 14 March 2026 or soon after, at least 69 s after their cluster network failed; the last one was back 2 min 51 s after its last line; 4 guests were down for up to 4 min 34 s.",
    "split-5": "n4 and n5 lost quorum at 02:10:05 UTC on 14 March 2026 for 4 min, 5 s after the cluster network of all 5 nodes failed (likely).",
    "planned": "No failure found. alpha was stopped on purpose at 02:10:00 UTC on 14 March 2026; it was back after 4 min 36 s. Looked at the logs of alpha and beta, 14 March 2026, 02:00:00 to 03:00:00 UTC. Not checked: 1 rule that lacked evidence.",
    "power-loss": "beta likely went down without a shutdown between its last line at 02:10:11 and its next boot at 02:40:00 UTC on 14 March 2026; cause: power loss (likely); it was back 29 min 49 s after its last line; guest web (vm:200) was down for up to 30 min 49 s.",
    "storage-outage": "nas-vm was away on alpha and beta for 8 min 20 s at 02:11:40 UTC on 14 March 2026; cause: network (possible); it concerns 2 guests (vm:301 and vm:302).",
    "replication-divergence": "alpha was reset by its watchdog (fenced) at or soon after 02:11:11 UTC on 14 March 2026, at least 71 s after its cluster network failed; it was back 3 min 49 s after its last line; 2 guests were down for up to 2 min 9 s, and erp-db came back with data 14 min 20 s old.",
    "many-nodes": "pve01 was likely reset by its watchdog (fenced) at or soon after 05:47:58 UTC on 14 March 2026, at least 70 s after its cluster network failed (likely); it was back 3 min 50 s after its last line. It is one of 40 incidents from 14 March to 3 April 2026; nodes went down without a shutdown 14 times.",
    "no-known-event": "No failure found, but none of the 120 lines read is an event that the rules know. Looked at the logs of alpha and beta, 14 March 2026, 02:00:00 to 03:00:00 UTC.",
    "healthy": "No failure found. Looked at the logs of alpha and beta, 14 March 2026, 02:00:00 to 03:00:00 UTC.",
}


def whole(name):
    return document.to_document(golden_cases.GOLDEN[name]())


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_the_golden_document(name):
    data, file = document.dump(whole(name)), FOLDER / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_bytes(data)
    assert json.loads(data) == json.loads(file.read_bytes()), "changed on purpose? run again with UPDATE_GOLDEN=1 and review the difference"


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_the_first_sentence(name):
    assert verdict(tell(whole(name))).sentence == SENTENCES[name]


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_two_runs_and_the_document_read_back_give_the_same_bytes(name):
    first = whole(name)
    assert render(first) == render(whole(name)) == render(document.load(document.dump(first)))


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_markdown_tells_the_same_verdict_and_the_same_numbers(name):
    text, html = markdown(whole(name)), render(whole(name))
    assert len(text) <= 4000
    plain = re.sub(r"\\(.)", r"\1", text).replace("**", "")
    assert verdict(tell(whole(name))).sentence[:400] in plain
    for code, sure in re.findall(r"\*\*(F\d+) .*?(?:proven|likely|possible|weak) (\d\.\d\d)", text):
        card = html[html.index(f'<span class="vh">{code}: ') - 3000 : html.index(f'<span class="vh">{code}: ')]
        assert f" {sure}" in card


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_nothing_of_the_machine_that_made_it_is_in_the_file(name):
    html = render(whole(name))
    for word in (str(Path.home()), os.uname().nodename, str(Path(__file__).parents[3])):
        assert len(word) < 3 or word not in html


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_every_id_of_evidence_is_the_hash_of_its_place_and_text(name):
    for key, one in whole(name)["evidence"].items():
        assert key == content_id("e", one["path"], one["line"], one["text"])


def test_links_into_a_report_hold_when_an_unrelated_log_is_added():
    case = cases.fenced()
    other = Event("task.end", "beta", cases.t(3000), {}, (Evidence("beta/other.log", 7, "beta", "something else"),))
    more = cases.case(
        case.nodes, findings=case.findings, incidents=case.incidents, events=(*case.events, other), intervals=case.history.intervals
    )
    ids = [set(re.findall(r'id="([ef]-[0-9a-f]+|i-[0-9a-f]+)"', render(document.to_document(each)))) for each in (case, more)]
    assert len(ids[0]) > 8
    assert {key for key in ids[0] if key[0] in "fi"} <= ids[1]
    cited = set(re.findall(r'<figure class="ev" id="(e-[0-9a-f]+)"', render(document.to_document(case))))
    assert {key for finding in document.to_document(case)["findings"] for key in finding["evidence"]} <= cited & ids[1]


def test_a_missing_node_an_empty_journal_and_a_truncated_file_are_named_at_once():
    nodes = (cases.node_info("alpha", 1), cases.node_info("beta", 2, coverage=(), in_bundle=True), cases.node_info("gamma", 3, coverage=()))
    html = render(document.to_document(cases.case(nodes, not_read=(NotRead("alpha/syslog.2.gz", "ends in the middle"),))))
    strip = re.sub(r"<[^>]+>", " ", html[html.index('id="honesty"') : html.index("</section>", html.index('id="honesty"'))])
    for words in ("2 of 3 received", "missing: gamma", "no log with a time", "no log in the bundle", "1 damaged or unsafe file"):
        assert words in strip


def test_a_report_beyond_its_cap_is_shortened_and_says_so():
    whole_document = document.to_document(cases.many())
    long = render(whole_document)
    short = render(whole_document, cap=len(long) // 2)
    assert len(short) < len(long)
    assert "to keep the file below its cap" in short
    assert "Shortened" not in long
    for finding in whole_document["findings"]:
        assert finding["title"] in short


def test_no_report_exceeds_the_cap_of_five_megabytes():
    lines = tuple(cases.line("alpha", k, f"pvestatd[1]: {'x' * 3000} {k}", 1000 + k) for k in range(60))
    base = cases.fenced()
    found = [
        type(base.findings[0])(
            f"rule-{k}", "service_failure", cases.Criticality.MEDIUM, 0.8, f"finding {k}", "s" * 300, ("alpha",), start=cases.t(k),
            evidence=tuple(Evidence(one.path, one.line + 100 * k, one.node, one.text) for one in lines),
        )
        for k in range(300)
    ]  # fmt: skip
    html = render(document.to_document(cases.case(base.nodes, findings=tuple(found))))
    assert len(html.encode()) <= 5_000_000
    assert "to keep the file below its cap" in html


def test_silence_is_not_called_health():
    html = render(whole("no-known-event"))
    strip = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index('<dl class="strip') : html.index('id="honesty"')]))
    assert "Impact Unknown no line that was read would tell it" in strip
    assert "Not told 03:00:00 UTC: no line that was read tells a state" in strip
    assert "Running" not in strip
