"""The HTML report: one file without a request, readable without script, with every text escaped in one place."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from markupsafe import Markup

from pveforensics.report import words
from pveforensics.report.pieces import FILTERS
from pveforensics.report.room import CAP, Fitting, Room, steps
from pveforensics.report.sections import SECTIONS, cited, findings
from pveforensics.report.sections.lanes import common_zone
from pveforensics.report.story import Story, Tellable, tell
from pveforensics.report.svg import elements
from pveforensics.report.ticket import markdown
from pveforensics.report.verdict import verdict
from pveforensics.report.visible import one_line, prose, times, visible
from pveforensics.resources import templates_folder

if TYPE_CHECKING:
    from jinja2 import Environment


def render(document: Tellable, cap: int = CAP) -> str:
    """The report of a case document; the run stamp is the document's own, so equal documents give equal bytes.

    A report beyond `cap` bytes is drawn again with less of its long lists, and says so. Raises UsageError if the document is damaged.
    """
    return page(document, cap).decode("utf-8")


def page(document: Tellable, cap: int = CAP) -> bytes:
    """The same as it is written to a file: of a large case the text alone would take three times as much memory."""
    report = Report(tell(document))
    *longer, shortest = steps(len(report.story.doc.findings), cap)
    for room in longer:
        html = report.within(room, cap)
        if html is not None:
            return html
    return report.within(shortest)


class Report:
    """A report in the making: what looks the same in any room is made once."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._made = {name: build(story) for name, build in SECTIONS}
        self._drawn: dict[str, Markup] = {}
        self._title = f"Post-mortem: {one_line(verdict(story).strong)}"
        self._markdown = markdown(story)

    @overload
    def within(self, room: Room) -> bytes: ...

    @overload
    def within(self, room: Room, cap: int) -> bytes | None: ...

    def within(self, room: Room, cap: int | None = None) -> bytes | None:
        """The page in so much room; None, and no more is drawn of it, once it has more bytes than `cap`."""
        views = {name: view.within(room) if isinstance(view, Fitting) else view for name, view in self._made.items()}
        names = self._names(views, room)
        parts, size = {}, 0
        for name in names["order"]:
            parts[name] = self._section(name, names)
            size += len(parts[name])
            if cap is not None and size > cap:
                return None
        html = io.BytesIO()
        for piece in _environment().get_template("report.html.j2").generate(names, parts=parts):
            html.write(piece.encode("utf-8", "backslashreplace"))
        return None if cap is not None and html.tell() > cap else html.getvalue()

    def _names(self, views: dict[str, object], room: Room) -> dict[str, Any]:
        """What the templates may name; a line that is cited anywhere has a place to go to."""
        story, cards = self.story, views["findings"]
        shown = findings.anchors(cards) if isinstance(cards, findings.View) else frozenset()
        wanted = (key for view in views.values() for key in getattr(view, "cited", ()))
        other = cited.build(story, room, wanted, shown)
        views["cited"] = other
        style, script = _asset("report.css"), _asset("report.js")
        return {
            "title": self._title,
            "story": story,
            "zone": common_zone(story.doc),
            "v": views,
            "files": getattr(views["method"], "files", frozenset()),
            "order": [name for name in views if views[name] is not None],
            "codes": story.codes,
            "placed": frozenset().union(*(getattr(view, "placed", ()) for view in views.values())),
            "sure": words.sure,
            "anchors": shown | frozenset(line.id for line in (other.lines if other else ())),
            "markdown": self._markdown,
            "style": Markup(style),  # noqa: S704 - our own file
            "script": Markup(script),  # noqa: S704 - our own file
            "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'",
        }

    def _section(self, name: str, names: Mapping[str, Any]) -> Markup:
        """One section; what neither fits a room nor links to what depends on it is drawn once."""
        drawn = self._drawn.get(name)
        if drawn is None:
            view = names["v"][name]
            drawn = Markup(_environment().get_template(f"sections/{name}.html.j2").render(names, view=view))  # noqa: S704 - a template's own
            if name in self._made and name != "verdict" and not isinstance(self._made[name], Fitting) and not hasattr(view, "cited"):
                self._drawn[name] = drawn
        return drawn


@functools.cache
def _environment() -> Environment:
    """Jinja with everything escaped: `select_autoescape` would leave names that end in .j2 alone."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only where a report is drawn

    from pveforensics.report.kept import KeptTemplates  # noqa: PLC0415 - loads it as well

    environment = Environment(
        loader=FileSystemLoader(templates_folder(), encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=KeptTemplates(),
    )
    environment.filters |= {"elements": elements, "prose": prose, "times": times, **FILTERS}
    return environment


@functools.cache
def _asset(name: str) -> str:
    """Style or script with a newline on both sides, byte for byte what stands between the tags and what is hashed."""
    return "\n" + (templates_folder() / name).read_text(encoding="utf-8").strip() + "\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
