"""The pages of the rules, written from the rules: `python -m pveforensics.ruledocs docs/rules`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pveforensics.detect.clauses import (
    BenignRule,
    Clause,
    EventClause,
    Example,
    Hypothesis,
    Question,
    Rule,
    StateClause,
    Step,
    VerdictClause,
    clauses_in,
    parts_of,
)
from pveforensics.detect.wording import clause_words
from pveforensics.rulepack import RulePack, load_pack

MARK = "<!-- Written by `make fresh` from the rule file; change that one. -->"
"""First line of every page: what carries it may be replaced or removed."""

CRITICALITY_ORDER = ("catastrophic", "high", "medium", "low", "info")

_WEIGHTS = """\
Weights are log-odds. What an answer starts with, plus what speaks for it, minus what speaks against it, is its score; the scores of
all answers that nothing excludes are turned into probabilities that add up to one. What the logs cannot tell weighs nothing."""

_STEPS = {"look": "Look", "hold": "Hold: do not do this yet", "press": "Press"}


def pages(pack: RulePack) -> dict[str, str]:
    """The text of every page by its file name: one for each finding rule and question, and the index."""
    made = {f"{rule.id}.md": _rule_page(rule, pack) for rule in pack.rules}
    made |= {f"question-{question.id}.md": _question_page(question, pack) for question in pack.questions}
    return {name: text.rstrip() + "\n" for name, text in {**made, "README.md": _index(pack)}.items()}


def write_pages(pack: RulePack, folder: Path) -> tuple[str, ...]:
    """Write all pages, remove those of rules that are gone, and return the names of the files that changed."""
    wanted = pages(pack)
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    for path in sorted(folder.glob("*.md")):
        if path.name not in wanted and path.read_text(encoding="utf-8").startswith(MARK):
            path.unlink()
            changed.append(path.name)
    return tuple(changed)


# --- one rule --------------------------------------------------------------------------------


def _rule_page(rule: Rule, pack: RulePack) -> str:
    parts = [
        MARK,
        f"# {_plain(rule.title)}",
        f"Rule `{rule.id}`, class `{rule.class_}`, criticality **{rule.criticality.value}**, confidence {_confidence(rule)}.",
        f"Rule file: `rules/findings/{rule.class_}/{rule.id}.yaml`.",
        f"> {_plain(rule.summary)}",
        "## What it means\n\n" + _plain(rule.why),
        "## How it is proven\n\n" + "\n".join(_proof(rule, pack)),
        _section("What changes how sure or how grave it is", _conditions(rule)),
        _section("Causes", _causes(rule, pack)),
        _section("Not to be confused with", [f"- {text}" for text in rule.not_to_confuse]),
        _section("What to do", _remedies(rule)),
        _section("Examples", [line for example in rule.examples for line in _example(example)]),
        _section("References", [f"- {text}" for text in rule.references]),
    ]
    return "\n\n".join(filter(None, parts))


def _section(title: str, lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    return f"## {title}\n\n{body}" if body else ""


def _confidence(rule: Rule) -> str:
    return "as its question is answered" if rule.confidence is None else f"{rule.confidence:g}"


def _proof(rule: Rule, pack: RulePack) -> Iterator[str]:
    """The steps in words, the answers that they rest on, and what the lines say that they look for."""
    if rule.applies:
        yield f"It is asked only where there is {clause_words(rule.applies.clause)}; elsewhere {rule.applies.because}.\n"
    questions: dict[str, VerdictClause] = {}
    for number, step in enumerate(rule.find, 1):
        yield f"{number}. {_step(step, first=number == 1)}"
        questions |= {part.question: part for part in parts_of(step.clause) if isinstance(part, VerdictClause)}
    if rule.per == "cluster":
        yield "\nThe steps look at all nodes together."
    if rule.merge:
        edges = "whose starts and ends agree" if rule.merge.edges == "both" else f"less than {rule.merge.within_s:g} s apart"
        yield f"\nOccurrences {edges} {'on any nodes' if rule.merge.on == 'any' else 'on one node'} are told as one."
    for question in pack.questions:
        if question.id in questions:
            yield f"\nThe question [`{question.id}`](question-{question.id}.md) weighs its answers against each other. The one asked for here:\n"
            for row in question.hypotheses:
                if row.name in questions[question.id].names:
                    yield from _hypothesis(row)
    yield from _glossary(clauses_in(rule), pack)


def _step(step: Step, *, first: bool) -> str:
    need = " (adds to the finding; it need not be there)" if step.optional else ""
    each = " Each such match is tried." if first else ""
    return f"*{step.name}*: {_cell(clause_words(step.clause))}{need}.{each}"


def _glossary(clauses: Iterable[Clause], pack: RulePack) -> Iterator[str]:
    kinds = dict.fromkeys(kind for clause in clauses if isinstance(clause, EventClause) for kind in clause.kinds)
    says: dict[str, str] = {}
    for signature in pack.signatures:
        says.setdefault(signature.kind, signature.says)
    rows = [f"| `{kind}` | {_cell(says[kind])} |" for kind in kinds if kind in says]
    if rows:
        yield "\n| event | what its line says |\n|---|---|"
        yield from rows
    states = dict.fromkeys(state for clause in clauses if isinstance(clause, StateClause) for state in clause.states)
    if states:
        yield f"\nStates are spans that the program reconstructs from many lines; here: {', '.join(f'`{state}`' for state in states)}."


def _conditions(rule: Rule) -> Iterator[str]:
    for grave in rule.criticality_when:
        yield f"- **{grave.to.value}** if {_cell(_plain(grave.because))}: {_cell(clause_words(grave.clause))}."
    for sure in rule.confidence_when:
        yield f"- confidence {sure.add:+g} if {_cell(_plain(sure.because))}: {_cell(clause_words(sure.clause))}."


def _causes(rule: Rule, pack: RulePack) -> Iterator[str]:
    rows = rule.causes
    if isinstance(rows, str):
        question = next((each for each in pack.questions if each.id == rows), None)
        if question is None:
            return
        yield f"Weighed by the question [`{rows}`](question-{rows}.md).\n"
        rows = question.hypotheses
    for row in rows:
        yield from _hypothesis(row)


def _hypothesis(row: Hypothesis) -> Iterator[str]:
    """One answer with its weights (log-odds), as a table."""
    yield f"**{row.cause.replace('_', ' ')}** (`{row.name}`), before any evidence {row.prior:+g}\n"
    reasons = [(f"{each.weight:+g}", each.because) for each in row.speaks_for]
    reasons += [(f"{-each.weight:+g}", each.because) for each in row.against]
    reasons += [("excluded", each.because) for each in row.excluded_by]
    if reasons:
        yield "| weight | because |\n|---|---|"
        yield from (f"| {weight} | {_cell(_plain(because))} |" for weight, because in reasons)
        yield ""
    if row.decided_by:
        yield f"Decided by: {_command(row.decided_by)}\n"


def _remedies(rule: Rule) -> Iterator[str]:
    for word, title in _STEPS.items():
        chosen = [each for each in rule.remedies if each.step == word]
        if chosen:
            yield f"**{title}**\n"
        for each in chosen:
            yield f"- {_plain(each.text)}" + (f": `{_command(each.command)}`" if each.command else "")
            if each.caution:
                yield f"  - Caution: {_plain(each.caution)}"
        if chosen:
            yield ""


def _example(example: Example) -> Iterator[str]:
    expected = {True: "fires", False: "does not fire", None: "cannot be told"}[example.fires]
    yield f"<details><summary>{expected}: {_cell(example.name)}</summary>\n"
    for name, text in (*example.lines.items(), *example.files.items()):
        shown = text.rstrip()
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", shown)), default=0))
        yield f"{name}\n\n{fence}text\n{shown}\n{fence}\n"
    yield "</details>\n"


# --- questions and index ---------------------------------------------------------------------


def _question_page(question: Question, pack: RulePack) -> str:
    asked = [f"[`{rule.id}`]({rule.id}.md)" for rule in pack.rules if question.id in (rule.causes, *_asks(rule))]
    parts = [
        MARK,
        f"# The question {question.id}",
        f"It is asked about {clause_words(question.about.clause)} (below: *{question.about.name}*). Rule file: `rules/questions/{question.id}.yaml`.",
        f"Asked by {', '.join(asked)}." if asked else "",
        _WEIGHTS,
        "## Answers\n\n" + "\n".join(line for row in question.hypotheses for line in _hypothesis(row)),
    ]
    return "\n\n".join(filter(None, parts))


def _asks(rule: Rule) -> tuple[str, ...]:
    return tuple(part.question for part in clauses_in(rule) if isinstance(part, VerdictClause))


def _index(pack: RulePack) -> str:
    classes = sorted({rule.class_ for rule in pack.rules})
    parts = [MARK, "# Rules", "What each finding means, how it is proven, what it is confused with, and what to do."]
    for name in classes:
        rules = [rule for rule in pack.rules if rule.class_ == name]
        rules.sort(key=lambda rule: (CRITICALITY_ORDER.index(rule.criticality.value), rule.id))
        rows = [f"| [{rule.id}]({rule.id}.md) | {_cell(_plain(rule.title))} | {rule.criticality.value} |" for rule in rules]
        parts.append(f"## {name.replace('_', ' ')}\n\n| rule | finding | criticality |\n|---|---|---|\n" + "\n".join(rows))
    rows = [f"| [{each.id}](question-{each.id}.md) | {', '.join(row.name for row in each.hypotheses)} |" for each in pack.questions]
    parts.append("## Questions\n\n| question | answers |\n|---|---|\n" + "\n".join(rows))
    parts.append("## Alarming lines that do not count\n\n| line | why |\n|---|---|\n" + "\n".join(map(_benign, pack.benign)))
    return "\n\n".join(parts)


def _benign(rule: BenignRule) -> str:
    return f"| {_cell(_plain(rule.text))} | {_cell(_plain(rule.why))} |"


# --- words -----------------------------------------------------------------------------------


def _plain(template: str) -> str:
    """A sentence of a rule with its placeholders as words in italics."""

    def word(found: re.Match[str]) -> str:
        name, _, part = found[1].partition(".")
        if part in ("start", "end", "at"):
            return "*time*"
        return f"*{(part.removeprefix('fields.') or {'times': 'number'}.get(name, name)).replace('_', ' ')}*"

    return re.sub(r"\{([a-z_][A-Za-z0-9_.]*)\}", word, template.replace("[[", "").replace("]]", "")).strip()


def _command(template: str) -> str:
    """A command with its placeholders as words in capitals."""
    return re.sub(r"\{([a-z_][A-Za-z0-9_.]*)\}", lambda found: found[1].rpartition(".")[2].upper(), template)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the pages of the shipped rules into the folder that is named, or say that they are stale (`--check`)."""
    names = [word for word in sys.argv[1:] if word != "--check"]
    folder = Path(names[0] if names else "docs/rules")
    if "--check" in sys.argv:
        stale = sorted(name for name, text in pages(load_pack()).items() if not _same(folder / name, text))
        sys.stdout.write(f"stale: {', '.join(stale)}; run `make fresh`\n" if stale else "the rule pages are fresh\n")
        sys.exit(bool(stale))
    changed = write_pages(load_pack(), folder)
    sys.stdout.write(f"{len(changed)} pages changed in {folder}\n")


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
