"""Pieces written without a template: byte for byte what a template would write, with every text escaped."""

import cases
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from pveforensics.report import pieces, shape
from pveforensics.report.sections.findings import Line
from pveforensics.report.visible import prose, times, visible

SLOW = """
{% macro crit(rank, word) -%}
<span class="crit c{{ rank }}"><svg width="20" height="11" viewBox="0 0 20 11" aria-hidden="true">{% for k in range(5) %}<rect x="{{ k * 4 }}" y="{{ 8 - k * 2 }}" width="3" height="{{ 3 + k * 2 }}" fill="{{ '#434b55' if k <= rank else '#c5ccd4' }}" class="{{ 's-on' if k <= rank else 's-off' }}"/>{% endfor %}</svg>{{ word }}</span>
{%- endmacro %}

{% macro code(id, codes) -%}
<a href="#{{ id }}">{{ codes[id] }}</a>
{%- endmacro %}

{% macro conf(text, value) -%}
<span class="conf"><svg width="54" height="8" viewBox="0 0 54 8" aria-hidden="true"><rect x="0" y="1" width="54" height="6" fill="#e3e7eb" class="f-line"/><rect x="0" y="1" width="{{ '%.1f' % (54 * ([0, [1, value] | min] | max)) }}" height="6" fill="#434b55" class="f-ink2"/></svg>{{ text }}</span>
{%- endmacro %}

{% macro cites(ids, anchors, evidence) -%}
{% for id in ids %}{% if id in anchors %}<a class="id" href="#{{ id }}" title="{{ id }}">{{ id[:7] }}</a>{% elif id in evidence %}<code>{{ evidence[id].path }}:{{ evidence[id].line }}</code>{% endif %}{{ ' ' if not loop.last }}{% endfor %}
{%- endmacro %}

{% macro line(ev, files) %}
<figure class="ev"{% if ev.anchor %} id="{{ ev.id }}"{% endif %}><figcaption><a class="id" href="#{{ ev.id }}">{{ ev.id }}</a> <b class="n">{{ ev.node }}</b> {% if ev.file in files %}<a class="src" href="#{{ ev.file }}"><code>{{ ev.path }}:{{ ev.line }}</code></a>{% else %}<code>{{ ev.path }}:{{ ev.line }}</code>{% endif %} <span>{{ ev.at | times }}</span>{% if ev.written %} <span class="muted">written <code>{{ ev.written }}</code></span>{% endif %}</figcaption>
<pre>{{ ev.before }}{% if ev.hit %}<mark>{{ ev.hit }}</mark>{% endif %}{{ ev.after }}</pre>
{% if ev.lines_before or ev.lines_after %}
<details><summary>Lines around it</summary><pre class="near">{% for each in ev.lines_before %}{{ each }}
{% endfor %}<b>{{ ev.before }}{{ ev.hit }}{{ ev.after }}</b>{% for each in ev.lines_after %}

{{ each }}{% endfor %}</pre></details>
{% endif %}
</figure>
{% endmacro %}

{% macro prose(value) %}{% for part in value.split('`') %}{% if loop.index0 % 2 %}<code>{{ part }}</code>{% else %}{{ part }}{% endif %}{% endfor %}{% endmacro %}
"""
ENVIRONMENT = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, finalize=visible, trim_blocks=True, lstrip_blocks=True)
ENVIRONMENT.filters["times"] = times
slow = ENVIRONMENT.from_string(SLOW).module

TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["", "e-1", "e-2", "<b>&\"'", "2026-03-14 02:14:31.000 UTC", *cases.PAYLOADS]))
MANY = st.lists(TEXTS, max_size=4)


@given(st.builds(Line, TEXTS, st.booleans(), TEXTS, TEXTS, st.integers(), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, MANY.map(tuple), MANY.map(tuple), TEXTS), MANY)  # fmt: skip
def test_a_line_of_evidence(line, files):
    assert pieces.line(line, frozenset(files)) == slow.line(line, frozenset(files))
    assert pieces.line(line, {line.file}) == slow.line(line, {line.file})


@given(MANY, MANY, st.dictionaries(TEXTS, st.builds(shape.Evidence, path=TEXTS, line=st.integers()), max_size=4))
def test_cited_lines(keys, anchors, evidence):
    assert pieces.cites(keys, frozenset(anchors), evidence) == slow.cites(keys, frozenset(anchors), evidence)


@given(TEXTS, TEXTS, st.floats(-2, 2))
def test_codes_and_marks(key, text, value):
    for rank in range(5):
        assert pieces.criticality(rank, text) == slow.crit(rank, text)
    assert pieces.code(key, {key: text}, {key}) == slow.code(key, {key: text})
    assert pieces.code(key, {key: text}, frozenset()) == escape(visible(text))
    assert pieces.confidence(text, value) == slow.conf(text, value)


@given(st.lists(st.text("ab<&\"' \n\x1b名", max_size=9), min_size=1, max_size=6))
def test_sentences_with_code(parts):
    text = "`".join(parts)
    assert prose(text) == (slow.prose(visible(text)) if len(parts) % 2 else escape(visible(text)))


@pytest.mark.parametrize("name", pieces.FILTERS)
def test_what_is_written_is_markup_that_a_template_takes_as_it_is(name):
    one = Line("e-1", True, "<n>", "p", 1, "w", "a", "b", "h", "a")
    made = {
        "code": ("f", {"f": "F1"}, {"f"}),
        "crit": (4, "high"),
        "conf": ("likely 0.81", 0.81),
        "cites": (["e-1"], {"e-1"}, {}),
        "line": (one, ()),
    }[name]
    assert isinstance(pieces.FILTERS[name](*made), Markup)
