"""Who made this, from what, with which rules and options; the files read, those not read, and what the words mean."""

from __future__ import annotations

import functools

import msgspec

from pveforensics.model import CONFIDENCE_BANDS, content_id
from pveforensics.report import shape, words
from pveforensics.report.story import Story
from pveforensics.report.verdict import HEDGES

FILES = 1_000


class View(msgspec.Struct, frozen=True):
    """The section."""

    heading: str
    generator: shape.Generator
    options: tuple[str, ...]
    bundles: tuple[tuple[str, str, str], ...]
    sources: tuple[tuple[str, shape.Source, str, str], ...]
    sources_total: int
    not_read: tuple[shape.NotRead, ...]
    not_read_total: int
    bands: tuple[tuple[str, str, str], ...]
    counts: str

    @property
    def files(self) -> frozenset[str]:
        """The places that the manifest has."""
        return frozenset(place for place, *_ in self.sources)


@functools.lru_cache(maxsize=4096)
def source_id(path: str) -> str:
    """The place of a file in the manifest, as lines of evidence link to it."""
    return content_id("s", path)


def build(story: Story) -> View:
    """The manifest. It always stands."""
    doc = story.doc
    options = tuple(f"{key}={value}" for key, value in sorted(doc.generator.options.items()) if value not in (None, False, [], ""))
    sources, placed = [], set()
    for each in doc.sources[:FILES]:
        first, last = (words.stamp(words.micros(moment)) if moment else "" for moment in (each.first, each.last))
        # A file that was read as two kinds stands twice and has one place.
        sources.append(("" if each.path in placed else source_id(each.path), each, first, last))
        placed.add(each.path)
    bands = tuple((word, f"{bound:.2f} and more", HEDGES[word].strip() or "said without a hedge") for bound, word in CONFIDENCE_BANDS)
    unread = sorted(doc.not_read, key=lambda each: (not each.damage, each.path))
    events = (
        f"{len(doc.events):,} of {doc.events_total:,} events"
        if doc.events_total > len(doc.events)
        else words.counted(len(doc.events), "event")
    )
    return View(
        heading="How this was made",
        generator=doc.generator,
        options=options,
        bundles=tuple((bundle.name, words.size(bundle.size), bundle.sha256) for bundle in doc.bundles),
        sources=tuple(sources),
        sources_total=len(doc.sources),
        not_read=tuple(unread[:FILES]),
        not_read_total=len(unread),
        bands=bands,
        counts=f"The case document holds {events}, {words.counted(len(doc.intervals), 'interval')} and {words.counted(len(doc.evidence), 'line')} of evidence.",
    )
