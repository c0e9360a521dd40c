"""How a time bomb in the configuration is told: an interval without edges, `config:<topic>@<node>`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pveforensics.model import Cluster, Evidence, Interval


def bomb(
    topic: str, node: str, what: str, said: str, lines: Sequence[Evidence], *,
    told: str = "yes", why: str = "", size: str = "", guest: str = "", storage: str = "",
) -> Interval:  # fmt: skip
    """One of a topic on a node (of the cluster, if there is none). `told` is `unknown` where the bundle lacks what would show it: `why` says what."""
    subject = f"config:{topic}@{node}" if node else f"config:{topic}"
    fields = {"what": what, "told": told, "said": said, "why": why, "size": size, "guest": guest, "storage": storage}
    return Interval(subject, topic, None, None, fields, tuple(lines))


def everywhere(cluster: Cluster, topic: str, what: str, said: str, size: str = "") -> Iterator[Interval]:
    """One for each member: the configuration is all nodes' own."""
    for member in cluster.members:
        yield bomb(topic, member.name, what, said, cluster.evidence, size=size)
