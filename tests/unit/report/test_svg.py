"""Shapes as elements: every text in them is text, whoever made it."""

import html
from xml.etree import ElementTree

import cases
from hypothesis import given
from hypothesis import strategies as st

from pveforensics.report.drawing import Shape, Sheet
from pveforensics.report.svg import elements
from pveforensics.report.visible import visible


@given(st.text(max_size=30), st.text(max_size=30))
def test_titles_and_texts_are_escaped_and_made_visible(title, text):
    one = ElementTree.fromstring(elements([Shape("text", ' x="1" y="2"', text, title)]))
    assert one.attrib == {"x": "1", "y": "2"}
    assert "".join(one.itertext()) == visible(title) + visible(text)


def test_an_element_stands_as_a_template_would_write_it():
    shapes = [Shape("rect", ' x="1.5" class="f-bad"', "", "a < b"), Shape("line", ' x1="0"'), Shape("text", "", "F1 & F2")]
    assert elements(shapes).splitlines() == [
        '<rect x="1.5" class="f-bad"><title>a &lt; b</title></rect>', '<line x1="0"/>', "<text>F1 &amp; F2</text>",
    ]  # fmt: skip


def test_no_payload_leaves_its_place():
    for payload in cases.PAYLOADS:
        sheet = Sheet(100.0)
        sheet.text(0, 0, payload, "ink", title=payload)
        drawn = str(elements(sheet.shapes))
        assert html.unescape(drawn).count(str(visible(payload))) >= 1
        assert drawn.count("<") == (4 if payload else 2)
