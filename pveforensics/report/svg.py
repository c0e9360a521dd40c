"""Shapes as SVG elements: a drawing has thousands, and a template would escape each coordinate of them anew."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from pveforensics.report.drawing import Shape
from pveforensics.report.visible import text


def elements(shapes: Iterable[Shape]) -> Markup:
    """One element a line."""
    return Markup("".join(map(_element, shapes)))  # noqa: S704 - texts are escaped below, all else comes from code


def _element(shape: Shape) -> str:
    if not shape.title and not shape.text:
        return f"<{shape.tag}{shape.attrs}/>\n"
    title = f"<title>{text(shape.title)}</title>" if shape.title else ""
    return f"<{shape.tag}{shape.attrs}>{title}{text(shape.text)}</{shape.tag}>\n"
