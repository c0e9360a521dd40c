"""The timeline of every line as anybody would write it: one line after the other, all in memory. The twin of `timeline --all`."""

import gzip
import re
from pathlib import Path

from pveforensics.bundle import open_bundles
from pveforensics.dating.clock import file_clock
from pveforensics.events.formats import LineReader
from pveforensics.intake import take_in
from pveforensics.model import Options
from pveforensics.pipeline import dated
from pveforensics.readings import LogScan, Record
from pveforensics.timebase import SECOND, Basis
from pveforensics.timeline.heads import message_start

NEVER = 1 << 63


def rows(folder, signatures, options=Options()):
    """(time, basis, error, node, program, pid, message, path, line, kind) of every line of the text logs below a folder, in order."""
    with open_bundles([str(folder)]) as bundle:
        intake = take_in(bundle, signatures)
    known = dated(intake, options)
    kinds = {}
    for event in known.common.events:
        for proof in event.evidence:
            kinds.setdefault((proof.path, proof.line), event.kind)
    files = [_file(Path(folder), scan, known, known.clocks[scan.path]) for scan in intake.scans]
    files = sorted((file for file in files if file), key=lambda file: (min(key for key, _ in file), file[0][1][7]))
    everything = [(key, (*row, kinds.get(row[7:9]))) for file in files for key, row in file]
    everything.sort(key=lambda pair: pair[0])
    return [row for _, row in everything]


def fragments(data):
    """Number and text of every line that is not blank; NUL bytes cut a line in pieces of the same number."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        for piece in re.split(rb"\0+", line):
            text = piece.decode("utf-8", "replace").rstrip("\r")[: 1 << 20]
            if text and not text.isspace():
                yield number, text


def _file(folder, scan, known, facts):
    path = folder / scan.path
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    read = []
    for number, text in fragments(data):
        found = LineReader().read(text)
        line = found[1] if found else None
        message = text[message_start(text, line) :] if line else text
        read.append((number, line, message))
    moments = _moments(scan, read, known, facts)
    rows, key = [], None
    for (number, line, message), (node, at) in zip(read, moments, strict=True):
        key = at.us if at else key
        pid = int(line.pid) if line and line.pid.isdecimal() and int(line.pid) < 1 << 32 else None
        when = (at.us, at.basis.value, at.error_us / SECOND) if at else (None, None, None)
        rows.append([key, (*when, node, (line.program if line else "") or None, pid or None, message, scan.path, number)])
    later = next((key for key, _ in rows if key is not None), NEVER)
    return [(key if key is not None else later, row) for key, row in rows]


def _moments(scan, read, known, facts):
    clock, start = facts
    stamped = [Record("", "", number, line.stamp, "", "", "", "") for number, line, _ in read if line and line.stamp]
    empty = LogScan(scan.path, "", "", 0, "", None, 0, 0, tuple(stamped), ())
    clock = file_clock(empty, clock.book, clock.zone)
    for number, line, _ in read:
        node = known.naming.node_of_line(line.host if line else "", scan.path)
        stamp = line.stamp if line else None
        at = clock.instant(number, stamp) if stamp else None
        if at is None and stamp is not None and stamp.uptime_us is not None and start is not None:
            at = start.instant(stamp.uptime_us, stamp.resolution_us)
        yield node, _aligned(scan.path, number, node, at, known)


def _aligned(path, number, node, at, known):
    told = known.shifts.get(node)
    if at is None or told is None:
        return at
    above = [(proof.line, event.seq) for event in known.own.events for proof in event.evidence if (proof.path, event.node) == (path, node)]
    above = [pair for pair in sorted(above) if pair[0] <= number]
    begun = [each for each in told if (each.seq <= above[-1][1] if above else each.start is None or each.start.us <= at.us)]
    offset = begun[-1] if begun else told[0]
    if not (offset.seconds or offset.doubt):
        return at
    error = at.error_us + round(offset.error * SECOND)
    return type(at)(at.us - round(offset.seconds * SECOND), error, Basis.ALIGNED if offset.seconds else at.basis)
