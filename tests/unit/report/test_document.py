"""The case document: its keys, its times, its evidence, and the way there and back."""

import json
import os
from pathlib import Path

import cases
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.errors import UsageError
from pveforensics.model import Event, Options
from pveforensics.report import document, encoded, markdown, render, shape, summary, tell

GOLDEN = Path(__file__).parent / "golden" / "fenced.json"
KEYS = {
    "": "schema generator complete bundles cluster nodes sources not_read intervals events partitions beliefs placement changes findings incidents checks benign evidence",
    "generator": "name version rules_sha256 options now",
    "bundles": "name size sha256",
    "cluster": "name nodes expected_votes quorum qdevice",
    "nodes": "name nodeid in_bundle timezone timezone_basis year_basis clock_offset_s clock_error_s boots coverage",
    "sources": "path node kind size sha256 lines first last",
    "not_read": "path reason",
    "intervals": "subject state start end start_error_s end_error_s evidence",
    "events": "id kind node at error_s basis fields count evidence",
    "partitions": "start end groups",
    "beliefs": "node start end quorate members master lrm",
    "findings": "id rule class criticality confidence title summary nodes guests storages jobs start end evidence causes ruled_out remedies stopwatch docs",
    "incidents": "id title start end root findings links impact",
    "checks": "rule outcome reason",
    "benign": "text why evidence",
}


@pytest.mark.parametrize("part", KEYS)
def test_every_key_of_the_contract_is_present(part):
    whole = document.to_document(cases.fenced())
    value = whole[part] if part else whole
    assert value, "the part must have something to look at"
    for one in value if isinstance(value, list) else [value]:
        assert set(KEYS[part].split()) <= set(one)


def test_inner_keys_of_the_contract():
    whole = document.to_document(cases.fenced())
    finding = next(each for each in whole["findings"] if each["class"] == "fencing")
    assert set(finding["causes"][0]) >= {"cause", "confidence", "for", "against"}
    assert set(finding["ruled_out"][0]) >= {"cause", "why", "evidence"}
    assert set(finding["remedies"][0]) >= {"text", "command", "caution"}
    assert finding["stopwatch"][0] == {
        "step": "lock lost to watchdog expired",
        "expected_s": [42.0, 61.0],
        "measured_s": 46.0,
        "note": "",
        "start": "2026-03-14T02:10:25.000Z",
    }
    assert set(whole["incidents"][0]["links"][0]) == {"from", "to", "why"}
    assert set(whole["incidents"][0]["impact"]["guests"][0]) >= {"guest", "name", "down_from", "down_to", "data_age_s"}
    assert {"start", "end", "ended_by"} <= set(whole["nodes"][0]["boots"][0])
    assert {"ring", "nodes", "votes", "quorate"} == set(whole["partitions"][0]["groups"][0])
    evidence = next(iter(whole["evidence"].values()))
    assert set(evidence) == {"path", "line", "node", "at", "written", "text", "match", "before", "after"}


def test_an_empty_case_has_empty_lists_and_nothing_missing():
    whole = document.to_document(cases.empty())
    assert set(KEYS[""].split()) <= set(whole)
    assert whole["placement"] == whole["changes"] == whole["findings"] == []


def test_times_are_utc_with_milliseconds_or_null():
    whole = document.to_document(cases.fenced())
    fencing = next(each for each in whole["findings"] if each["class"] == "fencing")
    assert fencing["start"] == "2026-03-14T02:11:11.000Z"
    assert next(each for each in whole["intervals"] if each["subject"] == "link:alpha/beta/0")["end"] is None


@pytest.mark.parametrize("name", cases.ALL)
def test_all_evidence_that_is_cited_is_there(name):
    whole = document.to_document(cases.ALL[name]())

    def cited(value):
        if isinstance(value, dict):
            for key, each in value.items():
                if key in ("evidence", "for", "against") and isinstance(each, list):
                    yield from each
                else:
                    yield from cited(each)
        elif isinstance(value, list):
            for each in value:
                yield from cited(each)

    parts = {key: value for key, value in whole.items() if key != "evidence"}
    assert set(cited(parts)) == set(whole["evidence"])


def test_the_golden_document_of_a_fenced_node():
    data = document.dump(document.to_document(cases.fenced()))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_bytes(data)
    assert json.loads(data) == json.loads(GOLDEN.read_bytes()), (
        "changed on purpose? run again with UPDATE_GOLDEN=1 and review the difference"
    )


@pytest.mark.parametrize("name", cases.ALL)
def test_a_document_read_back_draws_the_same_bytes(name):
    whole = document.to_document(cases.ALL[name]())
    again = document.load(document.dump(whole))
    assert document.dump(again) == document.dump(whole)
    assert render(again) == render(whole)
    assert markdown(again) == markdown(whole)
    assert summary(again) == summary(whole)


@pytest.mark.parametrize("name", cases.ALL)
def test_a_story_that_was_told_once_gives_every_output(name):
    whole = document.to_document(cases.ALL[name]())
    story = tell(whole)
    for _ in range(2):
        assert render(story) == render(whole)
        assert markdown(story) == markdown(whole)
        assert summary(story) == summary(whole)


@pytest.mark.parametrize("name", [*cases.ALL, *range(len(cases.PAYLOADS))])
def test_a_document_with_types_is_the_plain_one(name):
    case = cases.ALL[name]() if name in cases.ALL else cases.hostile(cases.PAYLOADS[name] + "\ud83d\ude00")
    typed, plain = document.compose(case), document.to_document(case)
    assert document.dump(typed) == document.dump(plain)
    assert document.view(typed) == document.view(plain)
    assert render(typed) == render(plain)


def alike(one, other):
    """Whether two values are equal with all types within: 1 and 1.0 are drawn differently."""
    if type(one) is not type(other):
        return False
    if isinstance(one, msgspec.Struct):
        return all(alike(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__)
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other


@pytest.mark.parametrize("name", [name for name in cases.ALL if name != "hostile"])
def test_what_is_drawn_at_once_is_what_would_be_read_back(name):
    typed = document.compose(cases.ALL[name]())
    assert document.view(typed) is typed
    assert alike(typed, msgspec.json.decode(msgspec.json.encode(typed), type=shape.Document))


def test_halves_of_a_character_are_drawn_as_they_are_read_back():
    typed = document.compose(cases.hostile("\ud83d\ude00 \udcff"))
    assert document.view(typed) is not typed
    assert render(typed) == render(document.load(document.dump(typed)))


def test_a_document_that_is_written_in_pieces_is_what_json_writes():
    many = document.to_document(cases.many(4, 130))
    assert len(list(document.dumped(many))) > 2 * len(many)
    assert document.dump(many).decode() == json.dumps(many, ensure_ascii=False, indent=1) + "\n"


@pytest.mark.parametrize("number", [7, 2**64, -(2**70)])
@pytest.mark.parametrize("text", ["\ud83d\ude00", "\udcff", "plain \u00e4"])
def test_whether_a_text_can_be_written_depends_on_no_number_beside_it(number, text):
    there = {"numbers": [number], "texts": {"a": [text]}}
    assert encoded.writable(there) == (not any("\ud800" <= char <= "\udfff" for char in text))
    assert json.loads(document.dump({"schema": shape.SCHEMA, **there}))["numbers"] == [number]


def test_lone_surrogates_survive_as_json_escapes():
    data = document.dump(document.to_document(cases.hostile("\udcff\udc80")))
    assert rb"\udcff\udc80" in data
    data.decode("utf-8")


def test_no_folder_of_the_analyst_gets_in():
    case = cases.case(cases.fenced().nodes, options=Options(rules=("/home/someone/secret-project/my-rules/",)))
    data = document.dump(document.to_document(case))
    assert b"my-rules" in data
    assert b"someone" not in data


def test_many_events_are_bounded_and_cited_ones_stay():
    cited = cases.line("alpha", 600, "corosync[1532]:   [KNET  ] link: host: 2 link: 0 is down", 4711)
    noise = tuple(Event("noise", "alpha", cases.t(k), {}, (cases.line("alpha", k, "x: y", 10_000 + k),)) for k in range(5000))
    fenced = cases.fenced()
    case = cases.case(
        fenced.nodes, findings=fenced.findings, events=(*noise, Event("corosync_link_down", "alpha", cases.t(600), {}, (cited,)))
    )
    whole = document.to_document(case)
    assert len(whole["events"]) <= document.EVENTS_KEPT + 1
    assert whole["events_total"] == 5001
    assert any(event["kind"] == "corosync_link_down" for event in whole["events"])


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"<html>", b'{"schema": "other/1"}', b'{"schema": "pveforensics.case/2"}', b'{"schema": 1}', b"[" * 100_000,
     b'{"schema": "pveforensics.case/1", "findings": [{"id": 3}]}', b'{"schema": "pveforensics.case/1", "nodes": {}}', b'{"schema": "pveforensics.case/1", "x": NaN}'],
)  # fmt: skip
def test_a_foreign_or_broken_document_is_a_usage_error_of_one_line(data):
    with pytest.raises(UsageError) as raised:
        document.load(data, "case.json")
    assert str(raised.value).startswith("case.json: ")
    assert "\n" not in str(raised.value)


def test_a_document_of_a_newer_version_still_draws():
    whole = document.to_document(cases.fenced()) | {"new_part": [1, 2]}
    whole["findings"][0]["new_key"] = {"a": 1}
    assert "alpha was reset" in render(document.load(document.dump(whole)))


_TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["2026-03-14T02:00:00.000Z", "alpha", "node:alpha", "e-1", "fencing", "high"]))
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.sampled_from(sorted(document.to_document(cases.fenced()))), st.integers(0, 9), _VALUES, st.text(max_size=6))
def test_a_document_with_one_damaged_value_draws_or_is_refused(part, place, value, key):
    whole = json.loads(document.dump(document.to_document(cases.fenced())))
    target = whole[part]
    if isinstance(target, list) and target:
        one = target[place % len(target)]
        if isinstance(one, dict):
            one[sorted(one)[place % len(one)]] = value
        else:
            target[0] = value
    elif isinstance(target, dict) and target:
        target[key or sorted(target)[place % len(target)]] = value
    else:
        whole[part] = value
    try:
        loaded = document.load(json.dumps(whole).encode("utf-8", "surrogatepass"))
    except UsageError:
        return
    assert render(loaded).startswith("<!doctype html>")
    assert len(markdown(loaded)) <= 4000
    summary(loaded)
