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
    tag, attrs, said, title, _, _ = shape
    if not title and not said:
        return f"<{tag}{attrs}/>\n"
    told = f"<title>{text(title)}</title>" if title else ""
    return f"<{tag}{attrs}>{told}{text(said)}</{tag}>\n"
