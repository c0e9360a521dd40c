"""Network episodes: signs of trouble gathered in time, laid at the door of the node they point to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from pveforensics.model import Evidence, Interval
from pveforensics.state.moments import Moments
from pveforensics.state.rings import rings_of
from pveforensics.state.symptoms import Symptom, symptoms_of
from pveforensics.state.trackers.blame import Blame, Ground, blame
from pveforensics.state.trackers.quorum import track as quorum_windows
from pveforensics.state.view import View
from pveforensics.timebase import SECOND, Instant

_BURST_US = 10 * SECOND
_MERGE_US = 60 * SECOND
_OPEN_US = 600 * SECOND
_FLAPS = 3
_TOKEN = frozenset({"token_warning", "token_lost"})


class _Episode(Struct):
    """Signs that concern one node, close in time and with one explanation."""

    node: str
    explained: str
    start: Instant
    end: Instant | None
    onset: int
    blames: list[Blame] = field(default_factory=list)
    signs: list[Symptom] = field(default_factory=list)

    def add(self, verdict: Blame, signs: list[Symptom]) -> None:
        """Take the signs of one more burst."""
        self.blames.append(verdict)
        self.signs += signs
        for sign in signs:
            self.start = min(self.start, sign.at, key=lambda at: at.us)
            self.onset = max(self.onset, sign.at.us)
            if self.end is not None:
                self.end = None if sign.until is None else max(self.end, sign.until, key=lambda at: at.us)


def track(view: View) -> tuple[Interval, ...]:
    """`node:<n>` network_trouble and `node:<n>` paused."""
    windows = quorum_windows(view)
    ground = _ground(view, windows)
    found: list[Interval] = [_paused(sign) for sign in symptoms_of(view) if sign.kind == "pause"]
    signs = symptoms_of(view)
    troubles = [_interval(view, ground, episode) for episode in _episodes(view, ground, signs)]
    return (*found, *troubles, *_devices(windows, troubles))


def _ground(view: View, windows: Iterable[Interval]) -> Ground:
    """What attribution knows beside the signs: who belongs to the cluster, who lost quorum or its device, who has a log."""
    listed = {name for node in view.nodes for ring in rings_of(view, node)[:200] for name in ring.members}
    names = tuple(member.name for member in view.cluster.members) or tuple(sorted({*view.nodes, *listed}))
    lost: dict[str, list[Instant]] = {}
    device: dict[str, list[Instant]] = {}
    for window in windows:
        if window.start is not None and window.fields.get("opened_by") == "lost":
            lost.setdefault(window.node, []).append(window.start)
        elif window.start is not None and window.subject.startswith("qdevice:"):
            device.setdefault(window.subject.partition(":")[2], []).append(window.start)
    by_node = [{node: Moments.of(moments) for node, moments in kind.items()} for kind in (lost, device)]
    return Ground(names, frozenset(view.nodes), by_node[0], by_node[1])


def _episodes(view: View, ground: Ground, signs: tuple[Symptom, ...]) -> list[_Episode]:
    gap = max(_BURST_US, _formation_us(view))
    done: list[_Episode] = []
    open_: dict[tuple[str, str], _Episode] = {}
    for burst in _bursts(signs, gap):
        for explained, part in _parts(burst):
            verdict = blame(part, ground)
            for node in verdict.nodes:
                why = "pause" if not explained and verdict.shape == "pause" else explained
                concern = [sign for sign in part if _concerns(sign, node, verdict)]
                held = open_.get((node, why))
                if concern and (held is None or not _continues(held, concern)):
                    held = open_[node, why] = _Episode(node, why, concern[0].at, concern[0].at, concern[0].at.us)
                    done.append(held)
                if concern and held is not None:
                    held.add(verdict, concern)
    return done


def _parts(burst: list[Symptom]) -> Iterator[tuple[str, list[Symptom]]]:
    """The signs of a burst by explanation; what only looks like the noise of a start belongs to a real loss beside it."""
    real = min((sign.at.us for sign in burst if sign.pairs and not sign.explained), default=None)
    parts: dict[str, list[Symptom]] = {}
    for sign in burst:
        noise = real is not None and not sign.pairs and sign.at.us >= real - 5 * SECOND
        explained = _of_the_loss(sign, burst) if real is None and sign.kind in _TOKEN and not sign.explained else sign.explained
        parts.setdefault("" if noise else explained, []).append(sign)
    return iter(parts.items())


def _of_the_loss(sign: Symptom, burst: list[Symptom]) -> str:
    """The explanation of a lost token: that of the loss beside it, as the ring misses the token of the node that is gone."""
    losses = [other for other in burst if other.pairs and other.explained]
    return min(losses, key=lambda other: abs(other.at.us - sign.at.us)).explained if losses else ""


def _formation_us(view: View) -> int:
    """How long a new membership takes here: token and consensus timeouts as the logs state them, and two seconds."""
    longest = 0
    for node in view.nodes:
        for _, event in view.dated(node, "totem_token_lost"):
            words = (event.fields.get("token_ms") or "0", event.fields.get("consensus_ms") or "0")
            if all(word.isdecimal() and len(word) < 7 for word in words):
                longest = max(longest, sum(map(int, words)) * 1000)
    return min(longest, 60 * SECOND) + 2 * SECOND


def _bursts(signs: tuple[Symptom, ...], gap: int) -> Iterator[list[Symptom]]:
    burst: list[Symptom] = []
    for sign in signs:
        if burst and sign.at.us - burst[-1].at.us > gap:
            yield burst
            burst = []
        burst.append(sign)
    if burst:
        yield burst


def _continues(episode: _Episode, part: list[Symptom]) -> bool:
    at, end = part[0].at.us, episode.end
    return at - episode.onset <= _OPEN_US if end is None else at <= end.us + _MERGE_US


def _concerns(sign: Symptom, node: str, verdict: Blame) -> bool:
    """Signs that name nodes belong to those they name; others to all of the burst."""
    if sign.about:
        return sign.about == node
    return len(verdict.nodes) == 1 or not sign.pairs or any(node in two for two in sign.pairs)


def _interval(view: View, ground: Ground, episode: _Episode) -> Interval:
    signs, node = episode.signs, episode.node
    start, end = episode.start, _cut(view, node, episode.start, episode.end)
    flaps = _most_flaps(signs)
    fields = {
        "reporters": _words(sign.reporter for sign in signs),
        "peers": _words(name for sign in signs for two in sign.pairs if node in two for name in two if name != node),
        "links": _words(sign.link for sign in signs if sign.link),
        "token_losses": str(sum(sign.count for sign in signs if sign.kind == "token_lost")),
        "token_warnings": str(sum(sign.count for sign in signs if sign.kind == "token_warning")),
        "memberships": str(len({sign.mark for sign in signs if sign.kind in ("left", "reformed")})),
        "retransmits": str(sum(sign.count for sign in signs if sign.kind == "storm")),
        "flaps": str(flaps),
        "redundancy": _redundancy(signs),
        "quorum": _quorum(ground, start, end),
        "shape": _shape(episode, flaps),
        "explained_by": episode.explained,
        "decided": "yes" if all(verdict.decided for verdict in episode.blames) else "no",
        "nic": "yes" if any(sign.kind == "nic" for sign in signs) else "",
    }
    return Interval(f"node:{node}", "network_trouble", start, end, fields, _evidence(signs))


def _words(names: Iterable[str]) -> str:
    return " ".join(sorted(set(names)))


def _cut(view: View, node: str, start: Instant, end: Instant | None) -> Instant | None:
    """A node that went down has no network trouble any more."""
    for boot in view.boots_of(node):
        gone = boot.end is not None and boot.manner in ("clean", "unclean") and start.us < boot.end.us
        if gone and boot.end is not None and (end is None or boot.end.us < end.us):
            return boot.end
    return end


def _most_flaps(signs: list[Symptom]) -> int:
    counts: dict[str, int] = {}
    for sign in signs:
        if sign.kind == "link":
            counts[sign.mark] = counts.get(sign.mark, 0) + 1
    return max(counts.values(), default=0)


def _redundancy(signs: list[Symptom]) -> str:
    if any(sign.last_link or sign.kind == "token_lost" for sign in signs):
        return "lost"
    return "held" if any(sign.kind == "link" for sign in signs) else "unknown"


def _quorum(ground: Ground, start: Instant, end: Instant | None) -> str:
    last = 1 << 62 if end is None else end.us + 2 * SECOND
    return "lost" if any(moments.any_in(start.us - SECOND, last) for moments in ground.lost_quorum.values()) else "kept"


def _shape(episode: _Episode, flaps: int) -> str:
    if episode.explained == "pause":
        return "pause"
    losses = {sign.mark for sign in episode.signs if sign.kind == "left" and sign.pairs}
    if flaps >= _FLAPS:
        return "flapping"
    if len(losses) >= _FLAPS * 2:
        return "churn"
    if _redundancy(episode.signs) == "held" and not any(sign.kind in ("left", "token_lost", "reformed") for sign in episode.signs):
        return "link"
    shapes = [verdict.shape for verdict in episode.blames]
    order = ("outage", "isolated", "partition", "asymmetric", "link", "storm", "mtu", "auth", "nic", "receive", "pause", "token")
    return next((shape for shape in order if shape in shapes), "token")


def _evidence(signs: list[Symptom]) -> tuple[Evidence, ...]:
    """A few lines of each kind and reporter, not a thousand of one."""
    taken: dict[tuple[str, str], int] = {}
    lines: list[Evidence] = []
    for sign in signs:
        key = (sign.kind, sign.reporter)
        taken[key] = taken.get(key, 0) + 1
        if taken[key] <= 3:
            lines += sign.evidence[:2]
    return tuple(dict.fromkeys(lines))[:40]


def _paused(sign: Symptom) -> Interval:
    """A pause ended as it was told: it began that long before."""
    start = sign.at.plus(-_milliseconds(sign.ms) / 1000)
    return Interval(f"node:{sign.reporter}", "paused", start, sign.at, {"ms": sign.ms, "threshold": sign.limit}, sign.evidence)


def _milliseconds(text: str) -> float:
    try:
        return min(max(float(text or 0), 0.0), 86_400_000.0)
    except ValueError:
        return 0.0


def _devices(windows: Iterable[Interval], troubles: list[Interval]) -> Iterator[Interval]:
    """A lost quorum device that is not a part of its node's own trouble."""
    own: dict[str, list[Interval]] = {}
    for trouble in troubles:
        own.setdefault(trouble.node, []).append(trouble)
    for lost in windows:
        if not lost.subject.startswith("qdevice:") or lost.start is None:
            continue
        node = lost.subject.partition(":")[2]
        if not any(_spans(trouble, lost.start) for trouble in own.get(node, ())):
            fields = {
                "reporters": node,
                "shape": "qdevice",
                "explained_by": "",
                "redundancy": "unknown",
                "quorum": "kept",
                "decided": "yes",
            }
            yield Interval(f"node:{node}", "network_trouble", lost.start, lost.end, fields, lost.evidence)


def _spans(trouble: Interval, at: Instant) -> bool:
    begins = trouble.start is not None and trouble.start.us - 3 * SECOND <= at.us
    return begins and (trouble.end is None or at.us <= trouble.end.us + 20 * SECOND)
