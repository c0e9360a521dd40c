"""The terminal summary: plain text that fits 24 lines of 80 columns."""

from __future__ import annotations

import textwrap

from pveforensics.report import words
from pveforensics.report.story import Story, Tellable, foremost, tell
from pveforensics.report.told import where_all_are
from pveforensics.report.verdict import verdict
from pveforensics.report.visible import one_line

WIDTH, LINES = 80, 22
"""Two lines less than the screen: the command line prints the paths of the outputs below."""


def summary(document: Tellable) -> str:
    """The verdict, the findings in causal order and what could not be checked."""
    story = tell(document)
    head = _wrap(verdict(story).sentence, lines=7)
    tail = _tail(story)
    room = LINES - len(head) - len(tail) - 2
    return "\n".join([*head, "", *_findings(story, room), *tail])


def _wrap(text: str, lines: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        one_line(text), WIDTH, max_lines=lines, placeholder=" ...", initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _findings(story: Story, room: int) -> list[str]:
    found = story.findings
    if not found:
        return []
    shown = found if len(found) <= room else foremost(story, room - 1)
    wide = max(len(code) for code in story.codes.values())
    lines = []
    for finding in shown:
        lead = f"{story.codes[finding.id]:<{wide}}  {finding.criticality:<12}  {words.sure(finding.confidence).split()[0]:<8}  "
        lines += textwrap.wrap(one_line(finding.title), WIDTH - len(lead), max_lines=1, placeholder=" ...") or [""]
        lines[-1] = lead + lines[-1]
    if len(shown) < len(found):
        lines.append(f"... and {len(found) - len(shown)} more findings in the {where_all_are(story)}")
    return [*lines, ""]


def _tail(story: Story) -> list[str]:
    doc = story.doc
    received = sum(node.in_bundle for node in doc.nodes)
    unchecked = sorted({check.rule for check in doc.checks if check.outcome == "could_not_check"})
    damaged = [skipped for skipped in doc.not_read if skipped.damage]
    lines = [f"Nodes: {received} of {len(doc.nodes)} received."]
    if unchecked:
        lines += _wrap(f"Could not check {words.counted(len(unchecked), 'rule')}: {', '.join(unchecked)}", lines=2)
    if damaged:
        lines += _wrap(
            f"Not read: {words.counted(len(damaged), 'damaged or unsafe file')}, first {damaged[0].path}: {damaged[0].reason}", lines=2
        )
    return lines
