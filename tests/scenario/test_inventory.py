"""The inventory's quick pass against the analysis' whole one, on every scenario: the same nodes, files, spans and boots."""

from pathlib import Path

import pytest

from pveforensics.bundle import open_bundles
from pveforensics.dating import date
from pveforensics.identity import identify
from pveforensics.intake import take_in
from pveforensics.model import Options
from pveforensics.pipeline import inventory, load_pack
from pveforensics.state import outline

SCENARIOS = Path(__file__).parents[1] / "fixtures" / "scenarios"


@pytest.fixture(scope="module")
def pack():
    return load_pack()


@pytest.mark.parametrize("scenario", sorted(folder.name for folder in SCENARIOS.iterdir() if folder.is_dir()))
def test_the_quick_pass_tells_what_the_whole_one_tells(scenario, pack):
    paths = [str(next((SCENARIOS / scenario).glob("bundle*")))]
    with open_bundles(paths) as bundle:
        intake = take_in(bundle, pack.signatures)
    naming = identify(intake.scans, intake.documents)
    timeline = date(intake.scans, intake.documents, naming, Options())
    boots = outline(timeline, naming).boots
    found = inventory(paths, pack)
    assert found.sources == timeline.sources
    assert [node.name for node in found.nodes if node.name in naming.nodes] == list(naming.nodes)
    assert {node.name for node in found.nodes if node.has_log} == naming.in_bundle
    for node in found.nodes:
        covered = {moment for span in timeline.coverage if span.node == node.name for moment in (span.start, span.end)}
        assert {moment for span in node.coverage for moment in span} <= covered
        assert {boot.us for boot in node.boots} <= {boot.start.us for boot in boots if boot.node == node.name and boot.start is not None}
