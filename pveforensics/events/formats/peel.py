"""What people paste in front of a log line: quote marks, bullets, table pipes, line numbers, grep's file names."""

from __future__ import annotations

from pveforensics.lazyregex import regex

_STAMP_AHEAD = regex(
    r"(?<!\w)(?:(?:[A-Z][a-z]{2} \d{4}-\d\d-\d\d|[A-Z][a-z]{2} (?: ?\d|\d\d)|[^\W\d_]{2,10}\.? {1,2}\d{1,2}\.?|\d{1,2} ?月 {1,2}\d{1,2}(?: ?日)?) \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\[ *\d{1,9}\.\d{6}|\[\w{2,4}\.? +\w{2,5}\.? +\d{1,2} \d\d:\d\d:\d\d \d{4}\]|\d{2}:\d{2}:\d{2}(?= ))"
)
_JUNK = regex(
    r"(?:[\s>|#$*•·+~\"'`“”„«»(\[{:–—-]"
    r"|<\d{1,3}>(?:1 )?"
    r"|\d{1,8}(?:[:.)|\t-]|\s)"
    r"|[\w.@~/-]{1,250}(?<=\w):(?:\d{1,8}[:-])?"
    r"|[\w.@~/-]{1,250}-\d{1,8}-"
    r")*"
)
_MARKS = regex(r"[\s>|#$*•·+~\"'`“”„«»–—-]*")
_LEADING_NUMBER = regex(r"\d{1,8}(?:[:.)|\t]|\s)\s*")
_TRAILING = regex(r"[\s|`\"'”«»]*$")
_TIMEY = regex(r"\d:\d\d:\d|\d\.\d{6}")


def has_time(text: str) -> bool:
    """A quick look: a line without these digits near its start holds no stamp."""
    return _TIMEY.search(text, 0, 160) is not None


def before_stamp(text: str) -> int:
    """Where the stamp begins behind pasted marks; 0 if nothing stands before it, or nothing that may be dropped."""
    found = _STAMP_AHEAD.search(text, 0, 320)
    if found is None or not found.start():
        return 0
    junk = _JUNK.match(text, 0, found.start())
    return found.start() if junk is not None and junk.end() == found.start() else 0


def before_text(text: str) -> int:
    """How many quote marks, bullets and blanks stand before the text of a line without a stamp."""
    found = _MARKS.match(text)
    start = found.end() if found else 0
    number = _LEADING_NUMBER.match(text, start)
    return number.end() if number and number.end() < len(text) else start


def trimmed_end(text: str, start: int) -> int:
    """Where the text ends before the marks that close what `text[:start]` opened."""
    if not any(mark in text[:start] for mark in "|`\"'“„«"):
        return len(text)
    found = _TRAILING.search(text)
    return max(found.start(), start) if found else len(text)
