"""The findings in the order in which they are told: chains, one per incident, with the codes F1, F2, ..."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from pveforensics.report import document as documents
from pveforensics.report import shape, words
from pveforensics.report.lanes import Lane, lanes
from pveforensics.value import Value

NO_FAULT = frozenset({"planned_shutdown", "evidence_gap", "misconfiguration", "near_miss"})
"""Classes that are told but are no failure."""
BEFORE_ALL = "Before all else"
"""How a rule begins a remedy that must be said before all else."""
_SETTING = "misconfiguration"
_LATENT = frozenset({_SETTING, "evidence_gap"})
LOUDEST = (
    "fencing", "kernel_crash", "unclean_boot", "node_lost", "replication_divergence", "ha_replication_mismatch", "quorum_loss",
    "hardware_error", "storage_failure", "ha_failure", "network_failure", "service_failure", "resource_exhaustion",
)  # fmt: skip
"""Of two equally critical findings the one whose class stands first heads the sentence: a node that went down before what led to it."""
_PLACES = {class_: -place for place, class_ in enumerate(LOUDEST)}


class Chain(Value, frozen=True):
    """Findings of one incident, cause first; `incident` is None for those that belong to none. `standing` are weak settings: risks, no incident.

    `failures` are the findings that are failures, `worst` is the highest rank among them, -1 if there are none. `happened` are the
    findings that make its window: its failures and its root; a setting that was weak all along is no moment of it. `start` and `end` are
    the first and last moment of what happened, in microseconds. `weight` is a sort key: the larger, the worse, and of equals the first
    one that has a time; -1 at its front where nothing failed.
    """

    incident: shape.Incident | None
    findings: tuple[shape.Finding, ...]
    standing: bool
    failures: tuple[shape.Finding, ...]
    happened: tuple[shape.Finding, ...]
    worst: int
    start: int | None
    end: int | None
    weight: tuple[int, int, float, int, bool, int]


class Story(Value, frozen=True, dict=True, gc=True):
    """A document and its findings in order. `codes` gives each finding id its code."""

    doc: shape.Document
    chains: tuple[Chain, ...]
    codes: Mapping[str, str]

    @cached_property
    def incidents(self) -> tuple[Chain, ...]:
        """The chains of incidents in the order of time: those with failures first, as they are numbered."""
        told = (chain for chain in self.chains if chain.incident is not None)
        return tuple(sorted(told, key=lambda chain: (chain.worst < 0, *_time_key(chain.start))))

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each incident's id."""
        return {chain.incident.id: k for k, chain in enumerate(self.incidents, 1) if chain.incident}

    @cached_property
    def findings(self) -> tuple[shape.Finding, ...]:
        """All findings in the order of their codes."""
        return tuple(finding for chain in self.chains for finding in chain.findings)

    @cached_property
    def ranked(self) -> tuple[shape.Finding, ...]:
        """All findings, the main incident's before the others', of each the loudest first."""
        lead = frozenset(finding.id for finding in self.lead.findings) if self.lead else frozenset()
        return tuple(sorted(self.findings, key=lambda finding: (finding.id in lead, *loudness(finding)), reverse=True))

    @cached_property
    def gravest(self) -> tuple[Chain, ...]:
        """The main incident, then standing risks, which are few and can still be put right, then the others by their failures."""
        lead = self.lead
        return tuple(sorted(self.chains, key=lambda chain: (chain is lead, chain.standing, *chain.weight), reverse=True))

    @cached_property
    def urgent(self) -> tuple[tuple[shape.Finding, shape.Remedy], ...]:
        """What must be said before all else, to keep data from being destroyed while somebody reads: of all incidents, the graver first."""
        found = ((finding, each) for finding in self.findings for each in finding.remedies if each.text.startswith(BEFORE_ALL))
        return tuple(sorted(found, key=lambda pair: pair[0].criticality != "catastrophic"))

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """What the drawings draw."""
        return tuple(lanes(self.doc))

    @cached_property
    def lead(self) -> Chain | None:
        """The chain that the first sentence tells: the worst, and of equals the one that hit most nodes, then the first."""
        return _lead(self.chains)


Tellable = Mapping[str, Any] | shape.Document | Story
"""A case document, or its story: whoever needs several outputs tells it once."""


def tell(document: Tellable) -> Story:
    """The story of a case document. Raises UsageError if the document is damaged."""
    if isinstance(document, Story):
        return document
    doc = documents.view(document)
    chains = _chains(doc)
    lead = _lead(chains)
    # What the first sentence tells comes first everywhere; the others follow in the order of time.
    chains = tuple(sorted(chains, key=lambda chain: chain is not lead))
    codes = {finding.id: f"F{k}" for k, finding in enumerate((finding for chain in chains for finding in chain.findings), 1)}
    return Story(doc, chains, codes)


def chain_of(incident: shape.Incident | None, findings: tuple[shape.Finding, ...], *, standing: bool = False) -> Chain:
    """The findings as a chain, with all that follows from them."""
    root = incident.root if incident else ""
    happened = failures = tuple([finding for finding in findings if is_failure(finding)])
    if len(failures) < len(findings):
        happened = tuple([f for f in findings if is_failure(f) or (f.id == root and f.class_ not in _LATENT)])
    starts = _moments([finding.start for finding in happened])
    if not failures or not starts:
        happened = findings
        starts = _moments([finding.start for finding in findings])
    start = min(starts, default=None)
    end = max(starts + _moments([finding.end for finding in happened]), default=None)
    loud = max(map(loudness, failures), default=(-1, 0, 0.0))
    nodes = {node for finding in failures for node in finding.nodes}
    weight = *loud, len(nodes), start is not None, -(start or 0)
    return Chain(incident, findings, standing, failures, happened, loud[0], start, end, weight)


def _moments(times: Iterable[str | None]) -> list[int]:
    return [us for time in times if (us := words.micros(time)) is not None]


def _lead(chains: tuple[Chain, ...]) -> Chain | None:
    return max((chain for chain in chains if chain.failures), key=lambda chain: chain.weight, default=None)


def is_failure(finding: shape.Finding) -> bool:
    """True for what went wrong; a planned stop, a gap in the evidence, a weak setting and a near miss did not."""
    return finding.class_ not in NO_FAULT and words.rank(finding.criticality) > 0


def foremost(story: Story, most: int) -> tuple[shape.Finding, ...]:
    """So many findings, in the order of their codes: the main incident's before the others', of each the loudest."""
    chosen = story.ranked[: max(0, most)]
    ids = {finding.id for finding in chosen}
    return tuple(finding for finding in story.findings if finding.id in ids)


def loudest(findings: Sequence[shape.Finding], most: int) -> tuple[shape.Finding, ...]:
    """So many of the findings, in their order: the loudest."""
    ids = {finding.id for finding in sorted(findings, key=loudness, reverse=True)[:most]}
    return tuple(finding for finding in findings if finding.id in ids)


def telling(doc: shape.Document, finding: shape.Finding) -> list[str]:
    """The ids of its evidence, the most telling first: what was written nearest to its beginning, and of copies in several files one."""
    start = words.micros(finding.start)
    known = [key for key in dict.fromkeys(finding.evidence) if key in doc.evidence]
    if start is None:
        return known
    first: list[tuple[bool, int, int, str]] = []
    seen: set[tuple[str, int | None, str]] = set()
    for k, key in enumerate(known):
        one = doc.evidence[key]
        us = words.micros(one.at)
        said = one.text[slice(*one.match)] if one.match else one.text
        copy = (one.node, us // 1_000_000 if us is not None else None, said)
        first.append((copy in seen or us is None, abs((us or 0) - start), k, key))
        seen.add(copy)
    return [key for *_, key in sorted(first)]


def loudness(finding: shape.Finding) -> tuple[int, int, float]:
    """Sort key: the larger, the more the finding is the news."""
    return words.rank(finding.criticality), _PLACES.get(finding.class_, -len(LOUDEST)), finding.confidence


def _chains(doc: shape.Document) -> tuple[Chain, ...]:
    """Every finding exactly once: incidents with failures in time order, then the calm ones, single findings, and weak settings."""
    left = {finding.id: finding for finding in doc.findings}
    chains = []
    standing: list[shape.Finding] = []
    for incident in doc.incidents:
        found = tuple(left.pop(key) for key in dict.fromkeys(incident.findings) if key in left)
        if found and all(finding.class_ == _SETTING for finding in found):
            standing += found
        elif found:
            chains.append(chain_of(incident, found))
    chains.sort(key=lambda chain: (chain.worst < 0, *_time_key(chain.start)))
    standing += [left.pop(key) for key in list(left) if left[key].class_ == _SETTING]
    loose = sorted(left.values(), key=lambda finding: (not is_failure(finding), _time_key(words.micros(finding.start)), finding.id))
    if loose:
        chains.append(chain_of(None, tuple(loose)))
    if standing:
        standing.sort(key=lambda finding: (-words.rank(finding.criticality), finding.rule, finding.id))
        chains.append(chain_of(None, tuple(standing), standing=True))
    return tuple(chains)


def _time_key(us: int | None) -> tuple[bool, int]:
    return us is None, us or 0
