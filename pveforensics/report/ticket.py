"""The ticket summary: Markdown of at most 4,000 characters that tells the report's verdict with the same numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pveforensics.lazyregex import regex
from pveforensics.report import node_ends, shape, words
from pveforensics.report.story import Story, Tellable, foremost, tell, telling
from pveforensics.report.told import where_all_are
from pveforensics.report.verdict import verdict
from pveforensics.report.visible import one_line

LIMIT = 4_000
MOST = 10
"""Findings that are told at most; more would not fit."""
URGENT_SHOWN = 3
_SPECIAL = regex(r"([\\`*_\[\]<>|#~!&@$])")


def markdown(document: Tellable) -> str:
    """The summary; whole blocks are left out at the end, and counted, rather than cut in the middle. Raises UsageError if the document is damaged."""
    story = tell(document)
    said = verdict(story)
    closing = _closing(story)
    blocks = [
        f"## Post-mortem{_of(story.doc)}",
        *_urgent(story),
        f"**{_md(said.strong, 500)}**{_md(said.news + said.aside, 900)}",
        *_basis(story),
    ]
    findings = [_finding(story, finding) for finding in foremost(story, MOST)]
    if findings:
        blocks.append("### Findings, cause first")
    room = LIMIT - len("\n\n".join([*blocks, closing])) - 80
    kept = _fit(findings, room)
    if len(kept) < len(story.findings):
        kept.append(f"… and {len(story.findings) - len(kept)} more findings in the {where_all_are(story)}.")
    return "\n\n".join([*blocks, *kept, closing])[: LIMIT - 1].rstrip() + "\n"


def _fit(blocks: Iterable[str], room: int) -> list[str]:
    kept: list[str] = []
    for block in blocks:
        room -= len(block) + 2
        if room < 0:
            break
        kept.append(block)
    return kept


def _md(text: str, most: int = 200) -> str:
    """Text from the evidence as Markdown that shows it literally and renders no markup, link or mention."""
    line = one_line(text)
    line = line if len(line) <= most else line[: most - 1] + "…"
    lead = " " if text[:1] == " " else ""
    return lead + _SPECIAL.sub(r"\\\1", line).replace("://", ":\u200b//")


def _prose(text: str) -> str:
    """A sentence of a rule: what stands between backticks is a code span, all else is shown literally."""
    parts = text.split("`")
    if len(parts) % 2 == 0 or len(text) > 200:
        return _md(text)
    # `_md` trims what stands at the end, which here is the space before a code span.
    return "".join(_code(part) if k % 2 else _md(part) + " " * (part != part.rstrip()) for k, part in enumerate(parts)).rstrip()


def _code(text: str, most: int = 160) -> str:
    """A log line or command as a code span: a fence longer than any run of backticks in it."""
    line = one_line(text)
    line = line if len(line) <= most else line[: most - 1] + "…"
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def _of(doc: shape.Document) -> str:
    return f" of cluster {_md(doc.cluster.name, 60)}" if doc.cluster.name else ""


def _urgent(story: Story) -> list[str]:
    """What keeps data from being destroyed goes before the verdict."""
    lines = [
        f"- {story.codes[finding.id]} {_md(finding.title)}: {_md(remedy.text, 300)} {_code(remedy.command)}"
        for finding, remedy in story.urgent
    ]
    return ["\n".join(lines[:URGENT_SHOWN])] if lines else []


def _basis(story: Story) -> list[str]:
    doc = story.doc
    missing = [node.name for node in doc.nodes if not node.in_bundle]
    outcomes = {word: len({check.rule for check in doc.checks if check.outcome == word}) for word in ("clear", "could_not_check")}
    received = f"{len(doc.nodes) - len(missing)} of {len(doc.nodes)} nodes received" + (
        f" (missing: {_md(words.names(missing))})" if missing else ""
    )
    rules = f"rules: {outcomes['clear']} clear, {outcomes['could_not_check']} could not be checked"
    return [f"*Rests on:* {received}; {sum(source.lines for source in doc.sources):,} lines read; {rules}. Times are UTC."]


def _finding(story: Story, finding: shape.Finding) -> str:
    start, end = words.micros(finding.start), node_ends.untold(story.doc, finding)
    when = "time unknown" if start is None else node_ends.stamps(end) if end is not None else words.stamp(start) + " UTC"
    facts = f"{_md(words.class_word(finding.class_), 60)}, {_md(finding.criticality, 20)}, {words.sure(finding.confidence)}, {when}"
    lines = [f"- **{story.codes[finding.id]} {_md(finding.title)}** ({facts})"]
    first = next((story.doc.evidence[key] for key in telling(story.doc, finding)), None)
    if first is not None:
        lines.append(f"  - {_code(f'{first.path}:{first.line}')} {_code(first.text)}")
    remedy = min(finding.remedies, key=lambda each: {"hold": 0, "look": 1}.get(each.step, 2), default=None)
    if remedy is not None:
        caution = f" **Caution:** {_prose(remedy.caution)}" if remedy.caution else ""
        lines.append(f"  - {_md(remedy.step.capitalize(), 20)}: {_prose(remedy.text)} {_code(remedy.command)}".rstrip() + caution)
    return "\n".join(lines)


def _closing(story: Story) -> str:
    made = story.doc.generator
    bundles = ", ".join(_code(bundle.name, 60) for bundle in story.doc.bundles[:3])
    more = f" and {len(story.doc.bundles) - 3} more" if len(story.doc.bundles) > 3 else ""
    return f"Made from {bundles or 'no bundle'}{more} by pveforensics {_md(made.version, 30)}, rules {_code(made.rules_sha256[:12]) or 'unknown'}."
