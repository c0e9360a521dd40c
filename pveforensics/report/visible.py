"""The one place where text from the evidence is made harmless for every output: what cannot be seen is written out."""

from __future__ import annotations

import functools
import re

from markupsafe import Markup, escape

LONGEST = 4_096
"""Characters of one value that are shown; the rest is cut and its length told."""

# Control characters but tab and newline, C1 controls, soft hyphen, zero-width and bidi controls, line and paragraph
# separators, variation and tag characters that hide text, surrogates (undecodable bytes), and noncharacters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)

_STAMP = re.compile(
    r"(?P<stamp>(?P<day>\d{4}-\d\d-\d\d) (?P<clock>\d\d:\d\d:\d\d(?:\.\d{3})?))(?: to (?P<until>\d\d:\d\d:\d\d(?:\.\d{3})?))?(?P<rest> UTC)?"
)
_ONE_STAMP = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{3})?)( UTC)?", re.ASCII)


def visible(value: object) -> object:
    r"""The value with hidden characters as escapes (`\x1b`, `\u202e`) and overlong text cut; markup and numbers pass."""
    if type(value) is str and value.isascii() and value.isprintable() and len(value) <= LONGEST:
        return value
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    if len(value) > LONGEST + 64:  # what `cut` shortened has its note already
        value = cut(value)
    return _HIDDEN.sub(_escape, value)


def text(value: str) -> str:
    """The visible form of a text as HTML."""
    harmless = value.isascii() and value.isprintable() and len(value) <= LONGEST  # asked here as well, since a report has 30,000 texts
    shown = value if harmless else str(visible(value))
    plain = "&" not in shown and "<" not in shown and ">" not in shown and '"' not in shown and "'" not in shown
    return shown if plain else str(escape(shown))


@functools.lru_cache(maxsize=4096)
def prose(value: str) -> Markup:
    """A sentence of a rule as markup: what stands between backticks is code, all else is escaped text. Many findings say the same."""
    parts = str(visible(value)).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    escaped = [str(escape(part)) for part in parts]
    return Markup("".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(escaped)))  # noqa: S704 - each part is escaped


def timed(value: str) -> str:
    """Text as HTML in which each UTC stamp is a `time` element, so that script can show it on another clock."""
    whole = _ONE_STAMP.fullmatch(value)
    if whole:  # as nearly always
        day, clock, utc = whole.groups()
        return f'<time datetime="{day}T{clock}Z">{day} {clock}</time>' + (' <span class="z">UTC</span>' if utc else "")
    return _STAMP.sub(_time, text(value))  # escaped just before; the pattern adds digits only


def times(value: str) -> Markup:
    """The same as markup, which no template escapes again."""
    return Markup(timed(value))  # noqa: S704 - its texts are escaped


def _time(found: re.Match[str]) -> str:
    stamp, day, clock, until, rest = found.groups()
    first = f'<time datetime="{day}T{clock}Z">{stamp}</time>'
    second = f' to <time datetime="{day}T{until}Z">{until}</time>' if until else ""
    return first + second + (' <span class="z">UTC</span>' if rest else "")


def one_line(value: str) -> str:
    """The visible form of a text in one line, for the terminal and for Markdown."""
    return re.sub(r"\s+", " ", str(visible(value))).strip()


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8, as Python's surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def marked(text: str, match: tuple[int, int] | None, longest: int = LONGEST) -> tuple[str, str, str]:
    """The line in three parts, the middle one being what a rule matched (empty if unknown); overlong parts are cut."""
    if match is None or not 0 <= match[0] < match[1] <= len(text):
        return cut(text, longest), "", ""
    start, end = match
    before, hit, after = text[:start], text[start:end], text[end:]
    if len(text) > longest:
        side = longest // 4
        before = before if len(before) <= side else f"[cut: {len(before) - side:,} characters] … {before[-side:]}"
        after = after if len(after) <= side else f"{after[:side]} … [cut: {len(after) - side:,} characters]"
        hit = cut(hit, longest // 2)
    return before, hit, after


def cut(text: str, longest: int = LONGEST) -> str:
    """The text, or its beginning with its length told."""
    return text if len(text) <= longest else f"{text[:longest]} … [cut: {len(text):,} characters]"
