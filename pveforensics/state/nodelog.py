"""The events of one node, found by kind and by the program that wrote them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import field

from pveforensics.model import Event
from pveforensics.value import Value


class NodeLog(Value, frozen=True):
    """A node's events in the timeline's order, with the places of each kind and of each program (by its lower-case name)."""

    events: tuple[Event, ...] = ()
    kinds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    programs: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def of(self, kinds: Iterable[str] = (), programs: Iterable[str] = ()) -> tuple[Event, ...]:
        """The events of these kinds and those that these programs wrote, in order, each once."""
        lists = [self.kinds[kind] for kind in set(kinds) if kind in self.kinds]
        lists += [self.programs[name] for name in set(programs) if name in self.programs]
        places = lists[0] if len(lists) == 1 else sorted(set().union(*lists))
        return tuple(self.events[place] for place in places)


NO_LOG = NodeLog()


def logs_by_node(events: Iterable[Event]) -> dict[str, NodeLog]:
    """The events of each node, nodes in the order of their first event."""
    lines: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        lines[event.node].append(event)
    return {node: _indexed(line) for node, line in lines.items()}


def _indexed(line: Sequence[Event]) -> NodeLog:
    kinds: dict[str, list[int]] = defaultdict(list)
    written: dict[str, list[int]] = defaultdict(list)
    for place, event in enumerate(line):
        kinds[event.kind].append(place)
        written[event.program].append(place)
    programs: dict[str, list[int]] = {}
    for name, places in written.items():
        lower = name.lower()
        programs[lower] = sorted(programs[lower] + places) if lower in programs else places
    return NodeLog(tuple(line), dict(kinds), programs)
