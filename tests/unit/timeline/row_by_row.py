"""The timeline's text and JSONL as anybody would write them: row after row. The twins of what is written by the batch."""

import datetime as dt
import json

import msgspec

from pveforensics.report.visible import LONGEST, one_line, visible
from pveforensics.timebase import Instant
from pveforensics.timeline.files import rows_of

NOT_A_TIME = "1970-01-01T00:00:00.000000+00:00"
COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def iso(us):
    return (EPOCH + dt.timedelta(microseconds=us)).isoformat(timespec="microseconds")


def jsonl(batches):
    return b"".join(msgspec.json.encode(_object(row)) + b"\n" for batch in batches for row in rows_of(batch))


def _object(row):
    time, basis = row["time"], row["basis"]
    meaning = "Not a time" if time is None else "Time logged" if basis == "stated" else f"Time logged ({basis})"
    date = iso(time) if time is not None else None
    told = {"message": row["message"], "datetime": date or NOT_A_TIME, "timestamp_desc": meaning, "time": date}
    if row.get("last") is not None:
        row["last"] = iso(row["last"])
    if row.get("fields") is not None:
        row["fields"] = json.loads(row["fields"])
    return told | {name: value for name, value in row.items() if value is not None and name not in told}


def text(batches, nodes, *, colour=False):
    width = max(map(len, nodes), default=0)
    return [_line(row, nodes, width, colour) for batch in batches for row in rows_of(batch)]


def _line(row, nodes, width, colour):
    def painted(value, code):
        return f"\x1b[{code}m{value}\x1b[0m" if colour and code else value

    moment = Instant(row["time"]).iso() if row["time"] is not None else "(no time)".ljust(24)
    mark = {"zone inferred": "z", "year inferred": "y", "aligned": "a"}.get(row["basis"], " ")
    node, program, pid, kind, count = (row.get(name) for name in ("node", "program", "pid", "kind", "count"))
    shown = painted(one_line(node).ljust(width), COLOURS[nodes.index(node) % len(COLOURS)] if node in nodes else 0)
    said = f"{one_line(program or '')}[{pid}]: " if pid else f"{one_line(program)}: " if program else ""
    message = row["message"]
    if not (len(message) <= LONGEST and message.isprintable()):
        message = str(visible(message)).translate(str.maketrans("\n\t", "  "))
    times = f" (× {count:,})" if count is not None and count > 1 else ""
    return f"{painted(moment, 2)}{mark} {shown}  {painted(kind, 1) + '  ' if kind else ''}{said}{message}{times}\n"
