"""The catalogue of log lines: every sample is told by its own signature first, every look-alike is not."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pveforensics import yamlfile
from pveforensics.events.signature_files import load_signatures
from pveforensics.events.signatures import Signature, SignatureIndex, match_line

ROOT = Path(__file__).resolve().parents[2] / "rules"
SIGNATURES = load_signatures([ROOT])
INDEX = SignatureIndex(SIGNATURES)
HEAD = re.compile(r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ )?(?P<program>[^\s\[:]+)(?:\[(?P<pid>\d+)\])?: (?P<message>.*)", re.DOTALL)
UPTIME = re.compile(r"^\[ *\d+\.\d+\] ?")


def parts(line: str) -> tuple[str, str, str]:
    found = HEAD.fullmatch(line)
    assert found, f"no syslog line: {line}"
    message = UPTIME.sub("", found["message"]) if found["program"] == "kernel" else found["message"]
    return found["program"], found["pid"] or "", message


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.id)
def test_each_sample_is_told_by_its_own_signature_before_all_others(signature: Signature) -> None:
    for sample in signature.samples:
        program, pid, message = parts(sample.line)
        found = match_line(INDEX, program, pid, message)
        assert found is not None, sample.line
        assert found[0].id == signature.id, sample.line
        assert {name: value for name, value in found[1].groupdict().items() if value} == dict(sample.fields)


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.id)
def test_no_look_alike_is_taken(signature: Signature) -> None:
    assert signature.not_samples, "a signature without a look-alike is not tested"
    for line in signature.not_samples:
        program, pid, message = parts(line)
        assert not (signature.fits(program, pid) and signature.search(message)), line


def test_no_expression_uses_what_a_linear_engine_lacks() -> None:
    forbidden = re.compile(r"\(\?(?:[=!]|<[=!]|>|P=|\()|\\[1-9]|[*+?}]\+")
    assert [signature.id for signature in SIGNATURES if forbidden.search(signature.match)] == []


def test_one_kind_is_said_in_one_case_and_every_sentence_ends() -> None:
    for signature in SIGNATURES:
        assert re.fullmatch(r"[a-z0-9_.]+", signature.kind), signature.id
        assert signature.says.endswith("."), signature.id
        assert signature.says[0].isupper(), signature.id
        assert "\n" not in signature.says, signature.id


def test_what_is_left_out_says_who_serves_it_and_is_no_signature() -> None:
    entries = yamlfile.load(ROOT / "events" / "left_out.yaml")
    ids = Counter(entry["id"] for entry in entries)
    assert max(ids.values()) == 1
    assert not set(ids) & {signature.id for signature in SIGNATURES}
    assert all(entry["served_by"] and entry["reason"] for entry in entries)


def test_a_line_of_the_lockup_detector_is_not_the_fencing_watchdog() -> None:
    for line, kind in (
        ("kernel: watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [kvm:4711]", "soft_lockup"),
        ("kernel: watchdog: watchdog0: watchdog did not stop!", "kernel_watchdog_not_stopped"),
        ("watchdog-mux[812]: client did not stop watchdog - disable watchdog updates", "watchdog_client_died"),
        ("kernel: Kernel panic - not syncing: Watchdog pre-timeout", "kernel_watchdog_pretimeout"),
    ):
        found = match_line(INDEX, *parts(line))
        assert found is not None
        assert found[0].kind == kind


def test_a_user_session_that_stops_its_targets_is_no_shutdown_of_the_node() -> None:
    for message in ("Reached target shutdown.target - Shutdown.", "Stopped target basic.target - Basic System."):
        found = match_line(INDEX, "systemd", "2210", message)
        assert found is None
