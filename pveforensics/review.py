"""The rule pack under review: what lint says of the shipped pack and of others, and the text of one entry."""

from __future__ import annotations

import ast
import re
import re._constants as opcode  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from pveforensics.detect.clauses import BenignRule, Clause, EventClause, Question, Rule, clauses_in, clauses_of, parts_of
from pveforensics.detect.lint import Problem, lint, unused_kinds
from pveforensics.detect.load import load_benign, load_questions, load_rules
from pveforensics.errors import RulePackError, UsageError
from pveforensics.events import Signature, load_signatures
from pveforensics.resources import rules_folder
from pveforensics.rulepack import ROOMS, RulePack, folders_of, load_pack


def kinds_of(signatures: Sequence[Signature]) -> dict[str, frozenset[str]]:
    """Each event kind with the fields that its signatures give."""
    kinds: dict[str, frozenset[str]] = {}
    for signature in signatures:
        kinds[signature.kind] = kinds.get(signature.kind, frozenset()) | frozenset(re.compile(signature.match).groupindex)
    return kinds


def lint_pack(only: Sequence[str] = (), more: Sequence[str] = ()) -> list[Problem]:
    """The problems of the shipped pack and `more` packs, or `only` those of some folders.

    A pack may use the signatures and questions of the shipped one; its own ids must be new. Raises UsageError for a folder that is
    none or holds no rules.
    """
    every = folders_of((*only, *more))
    own = tuple(Path(folder) for folder in only) or every
    shipped = rules_folder()
    beside = tuple(folder for folder in every if all(folder.resolve() != each.resolve() for each in own))
    try:
        signatures = load_signatures(every)
    except RulePackError as error:
        return [_of_error(error)]
    problems = lint(own, kinds_of(signatures), load_questions((shipped,)) if beside else ())
    problems += _taken(own, beside)
    if not problems:
        pack = load_pack(tuple(map(str, every)))
        problems += [*_dead(pack, own), *_impossible(pack, own)]
    return sorted(problems, key=lambda each: (each.path, each.line, each.message))


def _of_error(error: RulePackError) -> Problem:
    """A loader's message as a problem: `file:line: message`."""
    found = re.match(r"(.+?):(\d+): (.*)", str(error), re.DOTALL)
    return Problem(found[1], int(found[2]), found[3]) if found else Problem("", 1, str(error))


def _taken(own: Sequence[Path], beside: Sequence[Path]) -> Iterator[Problem]:
    """Ids that another pack has: two rules of one name cannot be told apart in a report."""
    if not beside:
        return
    every: tuple[Rule | Question | BenignRule, ...] = (*load_rules(beside), *load_questions(beside), *load_benign(beside))
    taken = {each.id: each for each in every}
    for folder in own:
        for path in sorted(file for room in ROOMS[1:] for file in (folder / room).rglob("*.yaml")):
            for line, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                found = re.fullmatch(r"(?:- )?id: *['\"]?([a-z0-9-]+)['\"]? *", text)
                if found and found[1] in taken:
                    yield Problem(str(path), line, f"id: '{found[1]}' is taken by {taken[found[1]].path}")


# --- signatures that nothing needs -----------------------------------------------------------


def _dead(pack: RulePack, own: Sequence[Path]) -> Iterator[Problem]:
    """A signature is used by a rule, a question, a benign line or a tracker, or says that it is there to be shown."""
    unused = set(unused_kinds(pack.rules, pack.questions, pack.benign, kinds_of(pack.signatures))) - kinds_read()
    for signature in pack.of([str(folder) for folder in own]).signatures:
        if signature.kind in unused and not signature.timeline:
            yield Problem(
                signature.file,
                signature.line,
                f"{signature.id}: nothing uses '{signature.kind}'; `timeline: true` says that it is only shown",
            )


@cache
def kinds_read() -> frozenset[str]:
    """The words that stand as texts in the program itself: a kind that a tracker reads is among them.

    Kinds are always written out, alone or in a list of words, so that a search for one finds who reads it.
    """
    words: set[str] = set()
    for file in Path(__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 2000:
                words.update(node.value.split())
    return frozenset(words)


# --- conditions that can never hold ----------------------------------------------------------


def _impossible(pack: RulePack, own: Sequence[Path]) -> Iterator[Problem]:
    """A field is compared with a value that its signature's expression can give."""
    values = _values_of(pack.signatures)
    mine = pack.of([str(folder) for folder in own])
    owners: list[tuple[Rule | Question | BenignRule, tuple[Clause, ...]]] = [(rule, clauses_in(rule)) for rule in mine.rules]
    owners += [(each, (*parts_of(each.about.clause), *clauses_of(each.hypotheses))) for each in mine.questions]
    owners += [(each, (*parts_of(each.step.clause), *(parts_of(each.unless) if each.unless else ()))) for each in mine.benign]
    for owner, clauses in owners:
        for clause in clauses:
            if isinstance(clause, EventClause):
                yield from (Problem(owner.path, owner.line, message) for message in _never(clause, values))


def _never(clause: EventClause, values: Mapping[tuple[str, str], frozenset[str] | None]) -> Iterator[str]:
    for name, test in clause.where:
        given = [values.get((kind, name)) for kind in clause.kinds]
        if test.op != "in" or any(each is None for each in given) or any("{" in value for value in test.values):
            continue
        possible = frozenset({""}).union(*(each for each in given if each is not None))
        for value in test.values:
            if value not in possible:
                yield f"where: {' or '.join(clause.kinds)} never has '{value}' as {name}; it has {', '.join(sorted(possible - {''}))}"


def _values_of(signatures: Sequence[Signature]) -> dict[tuple[str, str], frozenset[str] | None]:
    """What each kind's fields can be, where the expression lists it (`(?P<to>active|idle)`); None where it may be anything."""
    values: dict[tuple[str, str], frozenset[str] | None] = {}
    for signature in signatures:
        tree = parser.parse(signature.match)
        names = {number: name for name, number in tree.state.groupdict.items()}
        for number, inner in _groups(tree):
            if number in names:
                key = (signature.kind, names[number])
                words, known = _alternatives(inner), values.get(key, frozenset())
                values[key] = None if words is None or known is None else known | words
    return values


def _groups(tree: object) -> Iterator[tuple[int, list[tuple[object, object]]]]:
    """All groups of a parsed expression with their content."""
    if isinstance(tree, parser.SubPattern):
        tree = list(tree)
    if isinstance(tree, list | tuple):
        if len(tree) == 2 and tree[0] is opcode.SUBPATTERN:
            yield tree[1][0], list(tree[1][3])
        for part in tree:
            yield from _groups(part)


def _alternatives(content: list[tuple[object, object]]) -> frozenset[str] | None:
    """The words of a group that is a literal or a choice of literals; None for anything else."""
    if len(content) == 1 and content[0][0] is opcode.BRANCH:
        branches = content[0][1][1]  # type: ignore[index]
        words = [_alternatives(list(branch)) for branch in branches]
        return None if any(each is None for each in words) else frozenset().union(*(each for each in words if each is not None))
    if content and all(code is opcode.LITERAL for code, _ in content):
        return frozenset({"".join(chr(value) for _, value in content)})  # type: ignore[arg-type]
    return None


# --- the pack as text ------------------------------------------------------------------------


def source_text(identity: str, extra: Sequence[str] = ()) -> str:
    """The text of a rule, question, benign line or signature, with its place as first line. Raises UsageError if there is none."""
    pack = load_pack(extra)
    for signature in pack.signatures:
        if signature.id == identity:
            return f"# {signature.file}:{signature.line}\n{_entry(Path(signature.file), signature.line)}"
    every: tuple[Rule | Question | BenignRule, ...] = (*pack.rules, *pack.questions, *pack.benign)
    for each in every:
        if each.id == identity:
            return f"# {each.path}:{each.line}\n{_entry(Path(each.path), each.line)}"
    raise UsageError(f"no rule, question or signature is called '{identity}'; `pveforensics rules list` shows all")


def _entry(path: Path, line: int) -> str:
    """One entry of a list: its lines up to the next entry; the whole of a file that is no list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines[line - 1].startswith("- "):
        return "\n".join(lines).rstrip()
    end = next((place for place, text in enumerate(lines[line:], line) if text.startswith(("- ", "#"))), len(lines))
    return "\n".join(lines[line - 1 : end]).rstrip()
