"""The HTML report: one file without a request, readable without script, with every text escaped in one place."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pveforensics.report import words
from pveforensics.report.kept import KeptTemplates
from pveforensics.report.room import CAP, Fitting, Room, steps
from pveforensics.report.sections import SECTIONS, cited, findings
from pveforensics.report.sections.lanes import common_zone
from pveforensics.report.story import Story, tell
from pveforensics.report.ticket import markdown_of
from pveforensics.report.verdict import verdict
from pveforensics.report.visible import one_line, prose, times, visible
from pveforensics.resources import templates_folder


def render(document: Mapping[str, Any], cap: int = CAP) -> str:
    """The report of a case document; the run stamp is the document's own, so equal documents give equal bytes.

    A report beyond `cap` bytes is drawn again with less of its long lists, and says so. Raises UsageError if the document is damaged.
    """
    story = tell(document)
    text = markdown_of(story)
    made = {name: build(story) for name, build in SECTIONS}
    html = ""
    for room in steps(len(story.doc.findings), cap):
        html = _draw(story, made, room, text)
        if len(html) * 4 <= cap or len(html.encode("utf-8")) <= cap:
            break
    return html


def _draw(story: Story, made: Mapping[str, object], room: Room, summary: str) -> str:
    views = {name: view.within(room) if isinstance(view, Fitting) else view for name, view in made.items()}
    cards = views["findings"]
    shown = findings.anchors(cards) if isinstance(cards, findings.View) else frozenset()
    wanted = (key for view in views.values() for key in getattr(view, "cited", ()))
    other = cited.build(story, room, wanted, shown)
    views["cited"] = other
    style, script = _asset("report.css"), _asset("report.js")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=f"Post-mortem: {one_line(verdict(story).strong)}",
            story=story,
            zone=common_zone(story.doc),
            views=views,
            order=[name for name in views if views[name] is not None],
            codes=story.codes,
            sure=words.sure,
            anchors=shown | frozenset(line.id for line in (other.lines if other else ())),
            markdown=summary,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'",
        )
    )


@functools.cache
def _environment() -> Environment:
    """Jinja with everything escaped: `select_autoescape` would leave names that end in .j2 alone."""
    environment = Environment(
        loader=FileSystemLoader(templates_folder(), encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=KeptTemplates(),
    )
    environment.filters["prose"] = prose
    environment.filters["times"] = times
    return environment


@functools.cache
def _asset(name: str) -> str:
    """Style or script with a newline on both sides, byte for byte what stands between the tags and what is hashed."""
    return "\n" + (templates_folder() / name).read_text(encoding="utf-8").strip() + "\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
