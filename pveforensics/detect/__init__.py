"""What events mean: rules and questions from `rules/`, evaluated on the facts in three values."""

from pveforensics.detect.clauses import BenignRule, Example, Question, Rule
from pveforensics.detect.lint import Problem, lint, unused_kinds
from pveforensics.detect.load import load_benign, load_questions, load_rules
from pveforensics.detect.run import detect
from pveforensics.detect.trace import Scored, Told, Trial, trace, weigh
from pveforensics.detect.wording import clause_words

__all__ = [
    "BenignRule",
    "Example",
    "Problem",
    "Question",
    "Rule",
    "Scored",
    "Told",
    "Trial",
    "clause_words",
    "detect",
    "lint",
    "load_benign",
    "load_questions",
    "load_rules",
    "trace",
    "unused_kinds",
    "weigh",
]
