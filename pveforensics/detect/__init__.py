"""What events mean: rules and questions from `rules/`, evaluated on the facts in three values."""

from pveforensics.detect.clauses import BenignRule, Example, Question, Rule
from pveforensics.detect.lint import Problem, lint, unused_kinds
from pveforensics.detect.load import load_benign, load_questions, load_rules
from pveforensics.detect.run import detect

__all__ = [
    "BenignRule",
    "Example",
    "Problem",
    "Question",
    "Rule",
    "detect",
    "lint",
    "load_benign",
    "load_questions",
    "load_rules",
    "unused_kinds",
]
