"""Shapes as SVG elements: a drawing has thousands, and a template would escape each coordinate of them anew."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from markupsafe import Markup

from pveforensics.report.drawing import Shape
from pveforensics.report.visible import text


def elements(shapes: Iterable[Shape]) -> Markup:
    """One element a line."""
    return Markup("".join(map(_element, shapes)))  # noqa: S704 - each part is escaped below


def _element(shape: Shape) -> str:
    head = f"<{shape.tag}{''.join([_attribute(key, value) for key, value in shape.attrs])}"
    if not shape.title and not shape.text:
        return head + "/>\n"
    title = f"<title>{text(shape.title)}</title>" if shape.title else ""
    return f"{head}>{title}{text(shape.text)}</{shape.tag}>\n"


@functools.lru_cache(maxsize=16384)
def _attribute(key: str, value: str) -> str:
    return f' {key}="{text(value)}"'
