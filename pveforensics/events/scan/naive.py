"""The line-by-line scan of a text log: for small and odd files, and the twin that the fast scan must equal."""

from __future__ import annotations

from collections.abc import Iterable

from pveforensics.events.scan.lines import TextScan
from pveforensics.events.scan.matcher import Matcher
from pveforensics.events.scan.pieces import batches, unquoted
from pveforensics.events.scan.sink import LineSink
from pveforensics.events.scan.streams import anchors_by_line


def scan_text(chunks: Iterable[bytes], scan: TextScan, matcher: Matcher, sink: LineSink | None = None, *, quoted: bool = False) -> None:
    """Feed every line; `quoted` is mail in quoted-printable."""
    for batch in batches(chunks):
        data = unquoted(batch.data) if quoted else batch.data
        if sink is not None:
            sink.text(batch.first, data)
        found = anchors_by_line(matcher, data, scan.anchors)
        nuls = batch.nuls
        for place, text in enumerate(data.decode("utf-8", "replace").split("\n")):
            scan.feed(batch.first + place, text, found.get(place), nuls)
            nuls = 0
    scan.finish()
