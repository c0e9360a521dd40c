"""The sections of the report: each makes its view from the story, and a template of the same name draws it."""

from __future__ import annotations

from collections.abc import Callable

from pveforensics.report.sections import (
    beliefs,
    benign,
    checked_and_clear,
    could_not_check,
    coverage,
    findings,
    guests,
    honesty,
    incidents,
    lanes,
    method,
    postmortem,
    storages,
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
    ("guests", guests.build),
    ("storages", storages.build),
    ("beliefs", beliefs.build),
    ("postmortem", postmortem.build),
    ("could_not_check", could_not_check.build),
    ("benign", benign.build),
    ("checked_and_clear", checked_and_clear.build),
    ("coverage", coverage.build),
    ("method", method.build),
)
