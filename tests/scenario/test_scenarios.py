"""Every scenario folder, analyzed as a user would: the findings it must have, those it must never have, its exit code."""

import json
import sys
from pathlib import Path

import pytest

from pveforensics import cli
from pveforensics.pipeline import analyze, load_pack

FIXTURES = Path(__file__).parents[1] / "fixtures"
SCENARIOS = sorted(folder.parent for folder in FIXTURES.glob("scenarios/*/expect.json"))


@pytest.fixture(scope="module")
def pack():
    return load_pack()


def bundle_of(scenario: Path) -> str:
    packed = scenario / "bundle" / "bundle.tgz"
    return str(packed if packed.exists() else scenario / "bundle")


def is_told(want: dict, finding) -> bool:
    return (
        finding.class_ == want["class"]
        and set(want["nodes"]) <= set(finding.nodes)
        and set(want.get("guests", ())) <= set(finding.guests)
        and ("cause" not in want or (bool(finding.causes) and finding.causes[0].cause == want["cause"]))
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda folder: folder.name)
def test_scenario_tells_what_happened_and_nothing_else(scenario, pack):
    expected = json.loads((scenario / "expect.json").read_text())
    case = analyze([bundle_of(scenario)], pack)
    told = [(f.class_, f.nodes, f.causes[0].cause if f.causes else "", f.guests) for f in case.findings]
    for want in expected["must"]:
        assert any(is_told(want, finding) for finding in case.findings), (want, told)
    said = {word for f in case.findings for word in (f.class_, *(f"{f.class_}@{node}" for node in f.nodes))}
    assert not said & set(expected["never"]), told
    assert set(expected.get("benign", ())) <= {each.rule for each in case.benign}, case.benign
    excluded = {row.cause for f in case.findings for row in f.ruled_out}
    assert set(expected.get("ruled_out", ())) <= excluded, excluded
    assert (0 if case.complete else cli.EXIT_PARTIAL) == expected["exit"]
    assert case.notes == () or not any("failed" in note for note in case.notes), case.notes


def test_committed_scenarios_are_those_that_the_stories_compose(tmp_path):
    sys.path.insert(0, str(FIXTURES))
    try:
        import compose
    finally:
        sys.path.remove(str(FIXTURES))
    compose.compose(tmp_path)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    kept = {file.relative_to(FIXTURES / "scenarios"): file.read_bytes() for file in (FIXTURES / "scenarios").rglob("*") if file.is_file()}
    assert made == kept
