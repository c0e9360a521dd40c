"""Rules written in the test, and facts made by hand."""

import sys
from pathlib import Path

import pytest

from pveforensics.detect import detect
from pveforensics.detect.load import benign_of, question_of, rule_of

sys.path.insert(0, str(Path(__file__).parent))

from written import HEAD, parsed


@pytest.fixture
def rule():
    """A rule from the lines that matter; a confidence of 0.8 unless it asks for a verdict or names its own."""

    def build(text, **head):
        base = HEAD
        for key, value in head.items():
            base = base.replace(next(row for row in base.splitlines() if row.startswith(f"{key}:")), f'{key}: "{value}"')
        own = "" if "verdict:" in text.split("\n  - ")[1] or "confidence:" in text else "confidence: 0.8\n"
        return parsed(base + own + text, rule_of)

    return build


@pytest.fixture
def question():
    return lambda text: parsed(text, question_of)


@pytest.fixture
def benign():
    return lambda text: parsed(text, benign_of)


@pytest.fixture
def verdicts():
    """detect() in strict mode on one rule."""
    return lambda rules, facts, questions=(), benign=(): detect(
        rules if isinstance(rules, list) else [rules], list(questions), facts, list(benign), strict=True
    )
