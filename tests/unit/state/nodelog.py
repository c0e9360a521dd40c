"""The log of one node as a view for the trackers: lines at seconds after a fixed hour, told by the shipped signatures."""

from factory import HOUR, at, boot, naming

from pveforensics.events import SignatureIndex, load_signatures, match_line
from pveforensics.model import Coverage, Event, Evidence, Interval, NodeClock, Snapshot, Timeline
from pveforensics.resources import rules_folder
from pveforensics.state.view import view_of
from pveforensics.timebase import SECOND

INDEX = SignatureIndex(load_signatures([rules_folder()]))
NODE = "alpha"


def event(when, line, seq=0, node=NODE, path=None):
    """One event from `program: message`; `when` None has no time."""
    program, _, message = line.partition(": ")
    signature, found = match_line(INDEX, program, "1", message)
    fields = {name: value for name, value in found.groupdict().items() if value}
    evidence = (Evidence(path or f"{node}/syslog", seq + 1, node, f"{program}[1]: {message}"),)
    moment = None if when is None else at(when)
    return Event(signature.kind, node, moment, fields, evidence, 1, None, seq, program, signature.id)


def log(*lines, until=7200, boots=(), snapshots=(), settings=(), whole=True, clock_s=0.0):
    """The view of a log of node alpha: `(seconds, "program: message")`, covered from 0 to `until`."""
    events = tuple(event(when, line, seq) for seq, (when, line) in enumerate(lines))
    dated = sorted((each for each in events if each.at), key=lambda each: (each.at.us, each.seq))
    coverage = (Coverage(NODE, at(0), at(until), f"{NODE}/syslog", whole=whole),)
    kept = tuple(Interval(f"setting:{NODE}/{key}", value, None, None) for key, value in settings)
    timeline = Timeline(
        (*dated, *(each for each in events if not each.at)), coverage, tuple(snapshots), kept, clocks={NODE: NodeClock(offset_s=clock_s)}
    )
    return view_of(timeline, naming({NODE: ()}), None, boots)


def dump(kind, fields=None, rows=(), when=None, path="alpha/dump.txt"):
    moment = None if when is None else at(when)
    return Snapshot(kind, NODE, moment, fields or {}, tuple(rows), (Evidence(path, 1, NODE, kind),))


def told(found, subject, state):
    """`(start, end, fields)` of the intervals of a subject and state, in seconds."""
    second = lambda moment: None if moment is None else (moment.us - HOUR) / SECOND  # noqa: E731
    return [(second(each.start), second(each.end), each.fields) for each in found if (each.subject, each.state) == (subject, state)]


__all__ = ["NODE", "boot", "dump", "event", "log", "told"]
