"""The drawing's labels as the browser lays them out: none touches another, none is cut off, and they stay few."""

from __future__ import annotations

import cases
import golden_cases
import pytest

pytestmark = pytest.mark.browser

LABELS = 250
"""Texts of one drawing that are never exceeded; what is beyond is clustered with counts."""

MEASURE = """() => [...document.querySelectorAll('.draw .plot svg')].map(svg => {
  const edge = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map(t => [t.getBoundingClientRect(), t.lastChild.nodeValue]).filter(([r]) => r.width > 0);
  const touching = [], cut = [];
  boxes.forEach(([a, s], i) => {
    if (a.left < edge.left - 1 || a.right > edge.right + 2 || a.bottom > edge.bottom + 2) cut.push(s);
    boxes.slice(i + 1).forEach(([b, t]) => {
      if (a.left + 1 < b.right && b.left + 1 < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom) touching.push(s + ' | ' + t);
    });
  });
  return { touching, cut, count: boxes.length };
})"""


def measured(page):
    drawings = page.evaluate(MEASURE)
    assert drawings
    return (
        [pair for each in drawings for pair in each["touching"]],
        [text for each in drawings for text in each["cut"]],
        max(each["count"] for each in drawings),
    )


@pytest.mark.parametrize("name", golden_cases.GOLDEN)
def test_no_label_touches_another_or_is_cut_off(open_report, name):
    page = open_report(golden_cases.GOLDEN[name](), width=1280)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        touching, cut, count = measured(page)
        assert touching == []
        assert cut == []
        assert count <= LABELS


@pytest.mark.parametrize("seconds", [300.0, 21 * 86400.0], ids=["5 minutes", "3 weeks"])
@pytest.mark.parametrize("nodes", [3, 8, 32])
def test_no_label_touches_another_when_all_nodes_are_hit(open_report, nodes, seconds):
    touching, cut, count = measured(open_report(cases.storm(nodes, seconds), script=False))
    assert touching == []
    assert cut == []
    assert count <= LABELS
