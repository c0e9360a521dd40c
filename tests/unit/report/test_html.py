"""The HTML file without a browser: policy, escaping, ids, completeness, size, sameness."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import cases
import pytest

from pveforensics.report import document, render
from pveforensics.report.story import tell
from pveforensics.report.visible import LONGEST, marked, prose, visible

VOID = {"meta", "input", "br", "rect", "line", "path"}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.text, self.stack, self.raw, self.unbalanced = [], [], [], [], {}, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.stack or self.stack.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if self.stack[-1:] in (["style"], ["script"]):
            self.raw[self.stack[-1]] = self.raw.get(self.stack[-1], "") + data
        else:
            self.text.append(data)


def page(name):
    return Page(render(document.to_document(cases.ALL[name]())))


def test_the_policy_allows_the_style_and_the_script_of_the_file_and_nothing_else():
    parsed = page("fenced")
    policy = next(attrs["content"] for tag, attrs in parsed.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(parsed.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", cases.ALL)
def test_nothing_is_fetched_and_nothing_needs_an_unsafe_policy(name):
    parsed = page(name)
    for tag, attrs in parsed.tags:
        assert tag not in ("img", "link", "iframe", "object", "embed", "base", "form", "audio", "video")
        assert not any(key == "style" or key.startswith("on") or key == "src" for key in attrs)
        href = attrs.get("href", "#")
        assert href.startswith("#") or (tag == "a" and href.startswith("https://") and attrs["rel"] == "noreferrer noopener")
    assert not re.search(r"url\((?!#)|@import", parsed.raw["style"])


def test_the_script_has_no_dangerous_sink():
    script = page("fenced").raw["script"]
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval",
        "Function(",
        "fetch",
        "XMLHttpRequest",
        "import(",
    ):
        assert word not in script


@pytest.mark.parametrize("name", cases.ALL)
def test_markup_is_balanced_ids_are_unique_and_links_have_targets(name):
    parsed = page(name)
    assert parsed.unbalanced == []
    assert parsed.stack == []
    assert len(parsed.ids) == len(set(parsed.ids))
    targets = {attrs["href"][1:] for tag, attrs in parsed.tags if tag == "a" and attrs.get("href", "").startswith("#")}
    assert targets <= set(parsed.ids)
    assert sum(tag == "h1" for tag, _ in parsed.tags) == 1
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in parsed.tags}
    assert all("scope" in attrs for tag, attrs in parsed.tags if tag == "th")


@pytest.mark.parametrize("name", ["fenced", "planned", "many"])
def test_every_finding_and_every_line_it_rests_on_is_in_the_text(name):
    whole = document.to_document(cases.ALL[name]())
    text = "".join(page(name).text)
    for finding in whole["findings"]:
        assert finding["title"] in text
        for key in finding["evidence"]:
            one = whole["evidence"][key]
            assert key in text
            assert f"{one['path']}:{one['line']}" in text
            assert one["text"] in text
            assert one["written"] in text


def test_findings_stand_in_causal_order_with_codes():
    story = tell(document.to_document(cases.fenced()))
    assert [(story.codes[f.id], f.class_) for f in story.findings] == [
        ("F1", "network_failure"), ("F2", "quorum_loss"), ("F3", "fencing"), ("F4", "evidence_gap"),
    ]  # fmt: skip


def test_a_card_has_fact_reason_causes_ruled_out_and_what_to_do():
    text = re.sub(r"\s+", " ", "".join(page("fenced").text))
    for part in (
        "Why it matters. All guests of alpha stopped without a shutdown.", "Followed from F2: without quorum the HA lock cannot be renewed",
        "the watchdog expired 60 s after the lost link", "Ruled out", "no panic line in a log that is whole up to the reset", "expected 42 to 61 s, measured 46 s",
        "Hold", "Leave HA as it is", "Caution: editing corosync.conf wrongly stops the whole cluster", "Would decide it: the switch port's own log",
        "no BMC event log in the bundle: collect ipmitool sel elist", "a node that joins asks for what it missed", "1 file of unknown kind", "missing: gamma",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize("payload", cases.PAYLOADS, ids=range(len(cases.PAYLOADS)))
def test_hostile_text_is_text(payload):
    html = render(document.to_document(cases.hostile(payload)))
    html.encode("utf-8")
    parsed = Page(html)
    assert parsed.unbalanced == []
    assert {tag for tag, _ in parsed.tags} <= {
        "html", "head", "meta", "title", "style", "body", "a", "svg", "defs", "pattern", "rect", "line", "path", "text", "desc", "div", "span", "nav", "ul", "li",
        "button", "header", "p", "h1", "h2", "h3", "h4", "strong", "section", "dl", "dt", "dd", "code", "b", "main", "figure", "figcaption", "details", "summary",
        "table", "caption", "thead", "tbody", "tr", "th", "td", "label", "input", "select", "option", "output", "article", "pre", "mark", "footer", "script", "br", "small", "i", "time", "g", "clippath", "lineargradient", "stop",
    }  # fmt: skip
    assert not any(key.startswith("on") for _, attrs in parsed.tags for key in attrs)
    shown = "".join(parsed.text)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]", shown)


def test_what_cannot_be_seen_is_written_out():
    assert visible("\x1b[31m\u202e\udcff\x00\ufeff") == "\\x1b[31m\\u202e\\xff\\x00\\ufeff"
    assert visible("tab\tand\nnewline, ünï, 名前") == "tab\tand\nnewline, ünï, 名前"


def test_backticks_of_a_rule_are_code_and_nothing_more():
    assert prose("run `journalctl -b -1` <now>") == "run <code>journalctl -b -1</code> &lt;now&gt;"
    assert prose("`<b>`") == "<code>&lt;b&gt;</code>"
    assert prose("one ` only") == "one ` only"


def test_a_long_line_is_cut_and_its_length_told():
    assert visible("x" * 5000) == "x" * LONGEST + " … [cut: 5,000 characters]"
    before, hit, after = marked("a" * 9000 + "HIT" + "b" * 9000, (9000, 9003))
    assert hit == "HIT"
    assert before.startswith("[cut: 7,976 characters] …")
    assert after.endswith("[cut: 7,976 characters]")


def test_shell_and_report_keep_their_size():
    assert len(render(document.to_document(cases.empty()))) < 60_000
    assert len(render(document.to_document(cases.many()))) < 2_000_000


def test_same_case_same_bytes_and_the_run_stamp_is_the_given_one():
    whole = document.to_document(cases.fenced())
    assert render(whole) == render(document.to_document(cases.fenced()))
    assert "2026-03-15T00:00:00Z" in render(whole)
