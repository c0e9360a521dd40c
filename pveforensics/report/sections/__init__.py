"""The sections of the report: each makes its view from the story, and a template of the same name draws it."""

from __future__ import annotations

from collections.abc import Callable

from pveforensics.report.sections import (
    benign,
    checked_and_clear,
    could_not_check,
    coverage,
    findings,
    honesty,
    incidents,
    lanes,
    method,
    verdict,
)
from pveforensics.report.story import Story

Build = Callable[[Story], object | None]

SECTIONS: tuple[tuple[str, Build], ...] = (
    ("verdict", verdict.build),
    ("honesty", honesty.build),
    ("lanes", lanes.build),
    ("incidents", incidents.build),
    ("findings", findings.build),
    ("could_not_check", could_not_check.build),
    ("benign", benign.build),
    ("checked_and_clear", checked_and_clear.build),
    ("coverage", coverage.build),
    ("method", method.build),
)
