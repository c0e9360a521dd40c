"""A report that is drawn again with less is the one that would have been drawn with less at once."""

import cases
import pytest

from pveforensics.report import document, html, render
from pveforensics.report.room import STEPS


@pytest.mark.parametrize("name", [*cases.ALL, "hostile"])
@pytest.mark.parametrize("last", range(len(STEPS)))
def test_a_step_looks_the_same_whatever_was_drawn_before(name, last, monkeypatch):
    whole = document.to_document(cases.ALL[name]() if name in cases.ALL else cases.hostile(cases.PAYLOADS[0]))
    monkeypatch.setattr(html, "steps", lambda *_: (STEPS[last],))
    alone = render(whole, cap=1)
    monkeypatch.setattr(html, "steps", lambda *_: (*STEPS[::-1], *STEPS[: last + 1]))
    assert render(whole, cap=1) == alone
