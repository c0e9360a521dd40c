"""Pieces written without a template: byte for byte what a template would write, with every text escaped."""

import cases
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from pveforensics.report import pieces, shape
from pveforensics.report.sections import incidents, lanes
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

{% macro incident(row, codes, placed, here) %}
<tr{% if here and row.anchor %} id="{{ row.id }}"{% endif %}><td class="r">{{ row.number }}</td><td class="t_">{{ row.when | times }}</td><td class="t_ r">{{ row.lasted }}</td><th scope="row">{% if here and row.anchor %}{{ row.title }}{% else %}<a href="#{{ row.id }}">{{ row.title }}</a>{% endif %}</th><td>{{ crit(row.rank, row.criticality) }}</td><td>{{ row.nodes }}</td><td>{% for id in row.findings[:8] %}{% if here and id in row.placed %}<span id="{{ id }}">{{ codes[id] }}</span>{% elif id in placed %}{{ code(id, codes) }}{% else %}{{ codes[id] }}{% endif %} {% endfor %}{% if row.findings | length > 8 %}and {{ row.findings | length - 8 }} more{% endif %}</td></tr>
{% endmacro %}

{% macro state(row, zone, anchors, evidence) %}
<tr data-from="{{ row.edges[0] }}" data-to="{{ row.edges[1] }}" data-lanes="{{ row.lanes }}"{% if row.found %} data-proof{% endif %}><td class="t_">{{ row.start | times }}</td>{% if zone != 'UTC' %}<td class="t_">{{ row.local }}</td>{% endif %}<td class="t_">{{ row.lasted }}</td><th scope="row">{{ row.where }}</th><td>{{ row.what }}</td><td>{{ cites(row.evidence, anchors, evidence) }}</td></tr>
{% endmacro %}

{% macro reasons(given, title, sign, anchors, evidence) -%}
{% if given %}<p class="side">{{ title }}</p><ul class="pm {{ sign }}">{% for text, ids in given %}<li>{{ text | prose }} {{ cites(ids, anchors, evidence) }}</li>{% endfor %}</ul>{% endif %}
{%- endmacro %}

{% macro link(url) -%}
{% if url.startswith(('https://', 'http://')) %}<a class="ext" rel="noreferrer noopener" href="{{ url }}">{{ url }}</a>{% else %}{{ url }}{% endif %}
{%- endmacro %}

{% macro refs(rule, references) -%}
<p class="refs">Rule <code>{{ rule }}</code>{% for url in references %} · {{ link(url) }}{% endfor %}</p>
{%- endmacro %}

{% macro acts(steps) %}
{% if steps %}
<div class="acts">
{% for step, word, remedies in steps %}
<div class="{{ step }}"><h4>{{ word }}</h4>{% for each in remedies %}<p>{{ each.text | prose }}</p>{% if each.command %}<code class="cmd">{{ each.command }}</code>{% endif %}{% if each.caution %}<p class="caution"><b>Caution:</b> {{ each.caution | prose }}</p>{% endif %}{% endfor %}</div>
{% endfor %}
</div>
{% endif %}
{% endmacro %}

{% macro prose(value) %}{% for part in value.split('`') %}{% if loop.index0 % 2 %}<code>{{ part }}</code>{% else %}{{ part }}{% endif %}{% endfor %}{% endmacro %}
"""
ENVIRONMENT = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, finalize=visible, trim_blocks=True, lstrip_blocks=True)
ENVIRONMENT.filters |= {"times": times, "prose": prose}
slow = ENVIRONMENT.from_string(SLOW).module

TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["", "e-1", "e-2", "<b>&\"'", "2026-03-14 02:14:31.000 UTC", *cases.PAYLOADS]))
MANY = st.lists(TEXTS, max_size=4)
MOST = st.lists(TEXTS, max_size=12)


@given(st.builds(Line, TEXTS, st.booleans(), TEXTS, TEXTS, st.integers(), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, MANY.map(tuple), MANY.map(tuple), TEXTS), MANY)  # fmt: skip
def test_a_line_of_evidence(line, files):
    assert pieces.line(line, frozenset(files)) == slow.line(line, frozenset(files))
    assert pieces.line(line, {line.file}) == slow.line(line, {line.file})


@given(MANY, MANY, st.dictionaries(TEXTS, st.builds(shape.Evidence, path=TEXTS, line=st.integers()), max_size=4))
def test_cited_lines(keys, anchors, evidence):
    assert pieces.cites(keys, frozenset(anchors), evidence) == slow.cites(keys, frozenset(anchors), evidence)


@given(
    st.builds(
        incidents.Row, TEXTS, st.integers(), TEXTS, TEXTS, TEXTS, TEXTS, st.integers(0, 4), TEXTS, MOST.map(tuple), st.booleans(), MANY.map(frozenset)
    ),
    MANY,
)  # fmt: skip
def test_a_row_of_the_table_of_incidents(row, placed):
    codes = {key: f"<{key}>" for key in row.findings}
    for here in (True, False):
        assert pieces.incident(row, codes, frozenset(placed), here) == slow.incident(row, codes, frozenset(placed), here)


@given(
    st.builds(lanes.Row, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, MANY.map(tuple), st.tuples(st.integers(), st.integers()), TEXTS, st.booleans()),
    st.sampled_from(["UTC", "Europe/Vienna"]),
    MANY,
)
def test_a_row_of_the_table_of_states(row, zone, anchors):
    evidence = {"e-2": shape.Evidence(path="<p>", line=2)}
    assert pieces.state(row, zone, frozenset(anchors), evidence) == slow.state(row, zone, frozenset(anchors), evidence)


@given(st.lists(st.tuples(TEXTS, MANY.map(tuple)), max_size=3), MANY)
def test_reasons(given, anchors):
    evidence = {"e-2": shape.Evidence(path="<p>", line=2)}
    told = "For", "p", frozenset(anchors), evidence
    assert pieces.reasons(given, *told) == slow.reasons(given, *told)


@given(
    st.one_of(TEXTS, st.sampled_from(["https://", "http://", "javascript:", "HTTPS://"]).flatmap(lambda start: TEXTS.map(start.__add__)))
)
def test_links(url):
    assert pieces.link(url) == slow.link(url)


@given(TEXTS, st.lists(st.one_of(TEXTS, st.just("https://example.org/<>")), max_size=3))
def test_the_rule_and_what_it_refers_to(rule, references):
    assert pieces.refs(rule, references) == slow.refs(rule, references)


@given(st.lists(st.tuples(TEXTS, TEXTS, st.lists(st.builds(shape.Remedy, text=TEXTS, command=TEXTS, caution=TEXTS), max_size=3).map(tuple)), max_size=3))  # fmt: skip
def test_what_to_do(steps):
    assert pieces.acts(tuple(steps)) == slow.acts(steps)


@given(TEXTS, TEXTS, st.floats(-2, 2))
def test_codes_and_marks(key, text, value):
    for rank in range(5):
        assert pieces.criticality(rank, text) == slow.crit(rank, text)
    assert pieces.code(key, {key: text}, {key}) == slow.code(key, {key: text})
    assert pieces.code(key, {key: text}, frozenset()) == escape(visible(text))
    assert pieces.confidence(text, value) == slow.conf(text, value)


@given(st.from_regex(r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?( to \d\d:\d\d:\d\d)?( UTC)?[ <]?\Z"))
def test_a_stamp_alone_is_the_element_that_it_is_within_a_text(stamp):
    element = times(stamp)
    assert element.startswith("<time datetime=")
    assert times(f"({stamp}") == "(" + element


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
        "lines": ([one], ()),
        "reasons": ([("why", ("e-1",))], "For", "p", {"e-1"}, {}),
        "refs": ("rule", ["https://example.org"]),
        "acts": ((("look", "Look at", (shape.Remedy(text="t"),)),),),
        "incident_rows": ([incidents.Row("i", 1, "t", "w", "l", "high", 3, "n", ("f",), True, frozenset())], {"f": "F1"}, {"f"}, False),
        "state_rows": ([lanes.Row("s", "", "l", "w", "w", ("e-1",), (0, 1), "l", False)], "UTC", {"e-1"}, {}),
    }[name]
    assert isinstance(pieces.FILTERS[name](*made), Markup)
