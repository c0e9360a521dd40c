"""The zone of a node's local stamps: what its files state, what exact epochs beside them prove, what has to be assumed."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from msgspec.structs import force_setattr

from pveforensics.dating.marks import hint_us, place
from pveforensics.dating.years import YearBook, nearest_year
from pveforensics.errors import UsageError
from pveforensics.readings import Document, LogScan, Naming, TimeHint
from pveforensics.timebase import DAY, HOUR, SECOND, load_zone, offsets_at, parse_local, parse_offset, zone_of_abbreviation, zone_of_bytes
from pveforensics.value import Value

QUARTER = 15 * 60 * SECOND
"""Offsets from UTC are multiples of a quarter of an hour."""
_RESIDUAL = 120 * SECOND
"""How far an epoch inside a line may lie from the line's own stamp and still denote the same moment."""
ASSUMED = "assumed UTC"


class Zone(Value, frozen=True):
    """How to get from local time to UTC. `rule` knows summer time; without it `seen` holds offsets proven at moments.

    `name` is None where the zone has no name that could be shown, or is only assumed.
    """

    name: str | None = None
    basis: str = ASSUMED
    rule: dt.tzinfo | None = None
    seen: tuple[tuple[int, int], ...] = ()

    @property
    def assumed(self) -> bool:
        """True if nothing at all tells the zone."""
        return self.basis == ASSUMED

    def __post_init__(self) -> None:
        force_setattr(self, "seen", _edges(self.seen))  # only these decide, and they are few

    @property
    def turns(self) -> bool:
        """True if its clock may show an hour twice, or skip one, so that a stamp alone is no moment."""
        return self.rule is not None

    def offsets(self, local: int) -> tuple[int, int]:
        """Microseconds east of UTC at the first and the second pass of a local time; equal but around clock changes."""
        if self.rule is not None:
            return offsets_at(self.rule, local // QUARTER)
        if len(self.seen) < 2:
            offset = self.seen[0][1] if self.seen else 0
            return offset, offset
        offset = min(self.seen, key=lambda pair: abs(pair[0] - local))[1]
        return offset, offset


def _edges(seen: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The first and last of each run of equal offsets in the order of time: nothing between them can be nearest to another offset. Of a single run one is enough."""
    pairs = sorted(seen, key=lambda pair: pair[0])
    if len({offset for _, offset in pairs}) == 1:
        return tuple(pairs[:1])
    last = len(pairs) - 1
    return tuple(
        pair for place, pair in enumerate(pairs) if place in (0, last) or pairs[place - 1][1] != pair[1] or pairs[place + 1][1] != pair[1]
    )


class Offset(Value, frozen=True):
    """One observation: at this local time the clock stood this far east of UTC."""

    local: int
    offset: int
    what: str


class Zones(Value, frozen=True):
    """The zone of each node, and of each file that proves to be written in another one."""

    of_node: Mapping[str, Zone]
    of_path: Mapping[str, Zone]
    notes: tuple[str, ...] = ()

    def zone(self, node: str, path: str) -> Zone:
        """The zone in which a file's stamps are read."""
        return self.of_path.get(path) or self.of_node.get(node) or Zone()


def zones(
    scans: Sequence[LogScan], documents: Sequence[Document], naming: Naming, books: Mapping[str, YearBook], timezone: str | None
) -> Zones:
    """The zone of every node, best evidence first. Raises UsageError if `--timezone` names no zone."""
    given = load_zone(timezone) if timezone else None
    if timezone and given is None:
        raise UsageError(f"--timezone {timezone}: no such zone; give an IANA name such as Europe/Berlin")
    proofs = {scan.path: _proofs(scan.hints) for scan in scans}
    by_node: dict[str, list[LogScan]] = defaultdict(list)
    documents_of: dict[str, list[Document]] = defaultdict(list)
    for scan in scans:
        by_node[naming.node_of_path.get(scan.path, "")].append(scan)
    for document in documents:
        documents_of[naming.node_of_path.get(document.path, "")].append(document)
    of_node: dict[str, Zone] = {}
    everyone = sorted({*naming.nodes, *by_node, *documents_of})
    for node in everyone:
        found = _of_node(by_node[node], documents_of[node], proofs, books)
        if found is not None:
            of_node[node] = found
        elif given is not None:
            of_node[node] = Zone(timezone, "--timezone", given)
    _lend(of_node, everyone)
    of_path, notes = _odd_files(by_node, of_node, proofs)
    return Zones(of_node, of_path, tuple(notes))


def _of_node(
    scans: Sequence[LogScan], documents: Sequence[Document], proofs: Mapping[str, list[Offset]], books: Mapping[str, YearBook]
) -> Zone | None:
    """The best that one node's own files say."""
    printed = [proof for document in documents for proof in _proofs(document.hints)]
    return (
        _configured(documents)
        or _named(_seen_in([offset for scan in scans for offset in proofs[scan.path]]), "epochs in the log")
        or _named(_seen_in(printed), "local and absolute time in one dump")
        or _of_hints(scans, documents)
        or _named(_seen_in(_same_messages(scans, books)), "the same messages in a log that states its offset")
        or _named(_seen_in(_stated_offsets(scans)), _basis_of_stated(scans))
    )


def _configured(documents: Sequence[Document]) -> Zone | None:
    """The zone that a configuration file or `timedatectl` names."""
    ranked: list[tuple[int, Zone]] = []
    for document in documents:
        if document.timezone:
            rule = load_zone(document.timezone)
            basis = next((name for name in ("etc/timezone", "etc/localtime") if document.path.endswith(name)), document.kind)
            if rule is not None:
                ranked.append((1 if basis == "etc/timezone" else 0, Zone(document.timezone, basis, rule)))
        elif document.zone_file:
            rule = zone_of_bytes(document.zone_file)
            if rule is not None:
                ranked.append((2, Zone(_posix_rule(document.zone_file), "etc/localtime", rule)))
    return min(ranked, key=lambda pair: pair[0], default=(0, None))[1]


def _posix_rule(data: bytes) -> str | None:
    """The POSIX rule in the last line of a TZif file (`CET-1CEST,M3.5.0,M10.5.0/3`), its only name."""
    text = data.rstrip(b"\n").rpartition(b"\n")[2]
    return text.decode("ascii", "replace") if 0 < len(text) < 60 and text.isascii() and text.decode().isprintable() else None


def _proofs(hints: Sequence[TimeHint]) -> list[Offset]:
    """Offsets that lines prove which state one moment both locally and absolutely."""
    found = []
    for hint in hints:
        if hint.epoch_us is None or hint_us(hint) is None or not hint.exact:
            continue
        local = parse_local(hint.local) if hint.local else None
        if local is None and hint.stamp is not None and hint.stamp.epoch_us is None and hint.stamp.month is not None:
            local = nearest_year(hint.stamp, hint.epoch_us)
        offset = _rounded(local - hint.epoch_us) if local is not None else None
        if local is not None and offset is not None:
            found.append(Offset(local, offset, f"{hint.what} in line {hint.line}"))
    return found


def _rounded(difference: int, residual: int = _RESIDUAL) -> int | None:
    """A difference of clocks as an offset from UTC, if it is near enough to a quarter of an hour that some zone has."""
    offset = (difference + QUARTER // 2) // QUARTER * QUARTER
    return offset if abs(difference - offset) <= residual and -12 * HOUR <= offset <= 14 * HOUR else None


def _seen_in(offsets: Sequence[Offset]) -> tuple[tuple[int, int], ...]:
    """One offset per day, by majority."""
    days: dict[int, Counter[int]] = defaultdict(Counter)
    for seen in offsets:
        days[seen.local // DAY][seen.offset] += 1
    return tuple((day * DAY + DAY // 2, min(votes.items(), key=lambda pair: (-pair[1], pair[0]))[0]) for day, votes in sorted(days.items()))


def offset_text(offset: int) -> str:
    """An offset as `+01:00`."""
    minutes = abs(offset) // (60 * SECOND)
    return f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _named(seen: tuple[tuple[int, int], ...], basis: str) -> Zone | None:
    """A zone of proven offsets: named by the offset if there is only one."""
    offsets = {offset for _, offset in seen}
    if not offsets:
        return None
    name = "UTC" if offsets == {0} else "/".join(offset_text(offset) for offset in sorted(offsets)[:3])
    return Zone(name, basis, None, seen)


def _of_hints(scans: Sequence[LogScan], documents: Sequence[Document]) -> Zone | None:
    """The zone behind the local dates that `date -R`, `Date:` and `Active:` lines and dumps print."""
    words: list[tuple[int, str]] = []
    hints = [hint for scan in scans for hint in scan.hints] + [hint for document in documents for hint in document.hints]
    for hint in hints:
        local = parse_local(hint.local) if hint.local else None
        if local is not None and hint.zone:
            words.append((local, hint.zone))
    for snapshot in (snapshot for document in documents for snapshot in document.snapshots):
        local = parse_local(snapshot.local) if snapshot.local else None
        if local is not None and snapshot.zone:
            words.append((local, snapshot.zone))
    firsts = [run.first for scan in scans for run in scan.runs if run.first.zone and run.first.epoch_us is None]
    words += [(local, stamp.zone) for stamp in firsts if stamp.year is not None and (local := place(stamp, stamp.year)) is not None]
    rules = Counter(rule for _, word in words if (rule := zone_of_abbreviation(word)))
    if rules:
        name = min(rules.items(), key=lambda pair: (-pair[1], pair[0]))[0]
        return Zone(name, "abbreviation", load_zone(name))
    numeric = [Offset(local, offset, word) for local, word in words if (offset := parse_offset(word)) is not None]
    return _named(_seen_in(numeric), "offset beside a date")


def _stated_offsets(scans: Sequence[LogScan]) -> list[Offset]:
    """Offsets that the node's RFC 3339 stamps state. UTC in the output of journalctl proves nothing: a collector may have set TZ."""
    found = []
    for scan in scans:
        printed = "journal" in scan.kind or "journal" in scan.format or scan.format.startswith("short")
        for stamp in (stamp for run in scan.runs for stamp in (run.first, run.last)):
            offset = parse_offset(stamp.zone) if stamp.zone and stamp.epoch_us is not None else None
            if offset is not None and stamp.epoch_us is not None and (offset or not printed):
                found.append(Offset(stamp.epoch_us + offset, offset, scan.path))
    return found


def _basis_of_stated(scans: Sequence[LogScan]) -> str:
    local = any(run.first.epoch_us is None and run.first.month is not None for scan in scans for run in scan.runs)
    return "offset of other stamps of the node" if local else "stated in the stamps"


def _same_messages(scans: Sequence[LogScan], books: Mapping[str, YearBook]) -> list[Offset]:
    """Offsets from messages that stand once in a log of absolute stamps and once in a log of local ones."""
    absolute: dict[tuple[str, str], list[int]] = defaultdict(list)
    local: dict[tuple[str, str], list[int]] = defaultdict(list)
    for scan in scans:
        book = books.get(scan.path, YearBook())
        for record in scan.records:
            if record.stamp is None or not record.text or record.count > 1:
                continue
            key = (record.kind, f"{record.pid} {sorted(record.fields.items())}")
            if record.stamp.epoch_us is not None:
                absolute[key].append(record.stamp.epoch_us)
            elif record.stamp.month is not None:
                at = book.at(record.line, record.stamp)
                if at is not None:
                    local[key].append(at)
    found = []
    for key, moments in local.items():
        if len(moments) == 1 == len(absolute.get(key, ())):
            offset = _rounded(moments[0] - absolute[key][0], 2 * SECOND)
            if offset is not None:
                found.append(Offset(moments[0], offset, key[0]))
    return found if len(found) >= 2 else []


def _lend(of_node: dict[str, Zone], everyone: Sequence[str]) -> None:
    """Nodes that nothing tells the zone of get that of the others, if the others agree: weak, and said."""
    known = {zone.name: zone for zone in of_node.values() if zone.rule is not None}
    lent = next(iter(known.values())) if len(known) == 1 else None
    for node in everyone:
        if node not in of_node:
            of_node[node] = Zone(lent.name, "the other nodes' zone (weak)", lent.rule) if lent else Zone()


def _odd_files(
    by_node: Mapping[str, Sequence[LogScan]], of_node: Mapping[str, Zone], proofs: Mapping[str, list[Offset]]
) -> tuple[dict[str, Zone], list[str]]:
    """Files whose own epochs contradict their node's zone: a TZ set for one unit, or a file of another machine."""
    odd: dict[str, Zone] = {}
    notes = []
    for node, scans in by_node.items():
        zone = of_node.get(node, Zone())
        for scan in scans:
            against = [seen for seen in proofs[scan.path] if seen.offset not in zone.offsets(seen.local)]
            if against and 2 * len(against) > len(proofs[scan.path]):
                own = _named(_seen_in(proofs[scan.path]), "epochs in the log")
                if own is not None:
                    odd[scan.path] = own
                    notes.append(f"{scan.path}: {against[0].what} shows that its stamps are {own.name}, not {zone.name or 'UTC'}")
    return odd, notes
