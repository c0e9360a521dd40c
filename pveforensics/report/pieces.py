"""Pieces of HTML of which a report has thousands, written without a template: lines of evidence, rows of long tables, and marks of many sections.

Every text passes through `text`, which makes it visible and escapes it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from markupsafe import Markup

from pveforensics.report import shape
from pveforensics.report.sections import incidents, lanes
from pveforensics.report.sections.findings import Line, Step
from pveforensics.report.visible import prose, text, timed


def _markup(html: str) -> Markup:
    return Markup(html)  # noqa: S704 - the callers escape what they put in


def code(key: str, codes: Mapping[str, str], placed: Collection[str]) -> Markup:
    """The code of a finding, as a link where the finding has a place to go to."""
    return _markup(_code(key, codes, placed))


@functools.lru_cache(maxsize=64)
def criticality(rank: int, word: str) -> Markup:
    """How bad, as a stair of five steps and in words."""
    steps = "".join(
        f'<rect x="{k * 4}" y="{8 - k * 2}" width="3" height="{3 + k * 2}" fill="{colour}" class="{name}"/>'
        for k in range(5)
        for colour, name in [("#434b55", "s-on") if k <= rank else ("#c5ccd4", "s-off")]
    )
    return _markup(
        f'<span class="crit c{rank}"><svg width="20" height="11" viewBox="0 0 20 11" aria-hidden="true">{steps}</svg>{text(word)}</span>'
    )


@functools.lru_cache(maxsize=4096)
def confidence(words: str, value: float) -> Markup:
    """How sure, as a bar and in words."""
    width = f"{54 * max(0, min(1, value)):.1f}"
    return _markup(
        '<span class="conf"><svg width="54" height="8" viewBox="0 0 54 8" aria-hidden="true">'
        '<rect x="0" y="1" width="54" height="6" fill="#e3e7eb" class="f-line"/>'
        f'<rect x="0" y="1" width="{width}" height="6" fill="#434b55" class="f-ink2"/></svg>{text(words)}</span>'
    )


def cites(keys: Iterable[str], anchors: Collection[str], evidence: Mapping[str, shape.Evidence]) -> Markup:
    """Ids of evidence: links where the line stands in a card, else its place."""
    return _markup(_cites(keys, anchors, evidence))


def reasons(
    given: Iterable[tuple[str, Iterable[str]]], title: str, sign: str, anchors: Collection[str], evidence: Mapping[str, shape.Evidence]
) -> Markup:
    """What speaks for a cause, or against it, each with the lines that say so; nothing where there is nothing."""
    items = "".join(f"<li>{prose(why)} {_cites(keys, anchors, evidence)}</li>" for why, keys in given)
    return _markup(f'<p class="side">{title}</p><ul class="pm {sign}">{items}</ul>' if items else "")


@functools.lru_cache(maxsize=4096)
def link(url: str) -> Markup:
    """An address as a link, if it is one of the web."""
    shown = text(url)
    web = url.startswith(("https://", "http://"))
    return _markup(f'<a class="ext" rel="noreferrer noopener" href="{shown}">{shown}</a>' if web else shown)


def refs(rule: str, references: Iterable[str]) -> Markup:
    """The rule of a finding, and what it refers to."""
    return _markup(f'<p class="refs">Rule <code>{text(rule)}</code>{"".join([f" · {link(url)}" for url in references])}</p>')


@functools.lru_cache(maxsize=256)
def acts(steps: tuple[Step, ...]) -> Markup:
    """What to look at, to hold and to press, if anything; findings of one rule often ask for the same."""
    columns = "".join(
        f'<div class="{text(step)}"><h4>{text(word)}</h4>{"".join(map(_remedy, remedies))}</div>\n' for step, word, remedies in steps
    )
    return _markup(f'<div class="acts">\n{columns}</div>\n' if columns else "")


def _remedy(one: shape.Remedy) -> str:
    command = f'<code class="cmd">{text(one.command)}</code>' if one.command else ""
    caution = f'<p class="caution"><b>Caution:</b> {prose(one.caution)}</p>' if one.caution else ""
    return f"<p>{prose(one.text)}</p>{command}{caution}"


def line(one: Line, files: Collection[str]) -> str:
    """One line of evidence with the place of its file, the line itself, and the lines around it."""
    key, place = text(one.id), _place(one)
    anchor = f' id="{key}"' if one.anchor else ""
    source = f'<a class="src" href="#{text(one.file)}">{place}</a>' if one.file in files else place
    written = f' <span class="muted">written <code>{text(one.written)}</code></span>' if one.written else ""
    before, hit, after = text(one.before), text(one.hit), text(one.after)
    marked = f"<mark>{hit}</mark>" if hit else ""
    near = _around(one, before + hit + after) if one.lines_before or one.lines_after else ""
    return (
        f'<figure class="ev"{anchor}><figcaption><a class="id" href="#{key}">{key}</a> <b class="n">{text(one.node)}</b> {source}'
        f" <span>{timed(one.at)}</span>{written}</figcaption>\n<pre>{before}{marked}{after}</pre>\n{near}</figure>\n"
    )


def incident(row: incidents.Row, codes: Mapping[str, str], placed: Collection[str], here: bool) -> str:
    """A row of the table of incidents; if `here`, incidents and findings that have no card are to be found in it."""
    anchor = f' id="{text(row.id)}"' if here and row.anchor else ""
    title = text(row.title) if anchor else f'<a href="#{text(row.id)}">{text(row.title)}</a>'
    named = [
        f'<span id="{text(key)}">{text(codes[key])}</span> ' if here and key in row.placed else f"{_code(key, codes, placed)} "
        for key in row.findings[: incidents.CODES]
    ]
    more = f"and {len(row.findings) - incidents.CODES} more" if len(row.findings) > incidents.CODES else ""
    return (
        f'<tr{anchor}><td class="r">{row.number}</td><td class="t_">{timed(row.when)}</td><td class="t_ r">{text(row.lasted)}</td>'
        f'<th scope="row">{title}</th><td>{criticality(row.rank, row.criticality)}</td><td>{text(row.nodes)}</td>'
        f"<td>{''.join(named)}{more}</td></tr>\n"
    )


def state(row: lanes.Row, zone: str, anchors: Collection[str], evidence: Mapping[str, shape.Evidence]) -> str:
    """A row of the table of states and marks, with its time in the nodes' zone as well where that is not UTC."""
    local = f'<td class="t_">{text(row.local)}</td>' if zone != "UTC" else ""
    proof = " data-proof" if row.found else ""
    return (
        f'<tr data-from="{row.edges[0]}" data-to="{row.edges[1]}" data-lanes="{text(row.lanes)}"{proof}><td class="t_">{timed(row.start)}</td>'
        f'{local}<td class="t_">{text(row.lasted)}</td><th scope="row">{text(row.where)}</th><td>{text(row.what)}</td>'
        f"<td>{_cites(row.evidence, anchors, evidence)}</td></tr>\n"
    )


def lines(found: Iterable[Line], files: Collection[str]) -> Markup:
    """Lines of evidence, one below the other."""
    return _markup("".join([line(one, files) for one in found]))


def incident_rows(rows: Iterable[incidents.Row], codes: Mapping[str, str], placed: Collection[str], here: bool) -> Markup:
    """The rows of a table of incidents."""
    return _markup("".join([incident(row, codes, placed, here) for row in rows]))


def state_rows(rows: Iterable[lanes.Row], zone: str, anchors: Collection[str], evidence: Mapping[str, shape.Evidence]) -> Markup:
    """The rows of the table of states and marks."""
    return _markup("".join([state(row, zone, anchors, evidence) for row in rows]))


def _code(key: str, codes: Mapping[str, str], placed: Collection[str]) -> str:
    return f'<a href="#{text(key)}">{text(codes[key])}</a>' if key in placed else text(codes[key])


def _cites(keys: Iterable[str], anchors: Collection[str], evidence: Mapping[str, shape.Evidence]) -> str:
    return " ".join([_cite(key, anchors, evidence) for key in keys])


def _cite(key: str, anchors: Collection[str], evidence: Mapping[str, shape.Evidence]) -> str:
    if key in anchors:
        shown = text(key)
        return f'<a class="id" href="#{shown}" title="{shown}">{text(key[:7])}</a>'
    return _place(evidence[key]) if key in evidence else ""


def _around(one: Line, itself: str) -> str:
    lines = [*map(text, one.lines_before), f"<b>{itself}</b>", *map(text, one.lines_after)]
    return '<details><summary>Lines around it</summary><pre class="near">' + "\n".join(lines) + "</pre></details>\n"


def _place(one: Line | shape.Evidence) -> str:
    return f"<code>{text(one.path)}:{one.line}</code>"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "code": code, "crit": criticality, "conf": confidence, "cites": cites, "reasons": reasons, "acts": acts, "refs": refs,
    "lines": lines, "incident_rows": incident_rows, "state_rows": state_rows,
}  # fmt: skip
"""The names by which templates use them."""
