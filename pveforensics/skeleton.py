"""A new rule to begin with: it loads, and lint names each part of it that is still to be written."""

from __future__ import annotations

import re
from pathlib import Path

from pveforensics.detect import BenignRule, Question, Rule
from pveforensics.detect.vocabulary import CLASSES
from pveforensics.errors import UsageError
from pveforensics.rulepack import RulePack

TODO = "TODO"
"""The word that lint looks for: what stands behind it has to be written."""

_TEXT = """\
# {id}: say here what the rule rests on, and where that is documented (a source file, a manual page).
# The format: docs/rules-format.md. Try it: pveforensics rules lint {folder}; pveforensics rules test {folder}
id: {id}
class: {class_}
title: "TODO what happened, in one clause, on {{node}}"
summary: "TODO two sentences: what {{node}} did at {{it.at}}, and how it is known."
criticality: medium                # info, low, medium, high, catastrophic
confidence: 0.7                    # how sure, if every step below holds
per: node                          # `same` means the node of the first step
find:
  - {{as: it, event: {event}}}      # the first step is tried once for each match of it
  # - {{as: lost, state: node.inquorate, on: same, between: [it.at - 2m, it.at + 1m], optional: true}}
  # - {{as: quiet, absence: {{event: {event}, on: other, between: [it.at, it.at + 5m]}}}}
merge: 60s                         # occurrences closer than this are one finding
causes:
  - {{name: unknown, cause: unknown, prior: 0.0, decided_by: "TODO which file or command would settle it"}}
look:
  - {{text: "TODO what to look at first", command: "journalctl -b -1 -n 300 --no-pager"}}
hold:
  - {{text: "TODO what not to do before the cause is known"}}
press:
  - {{text: "TODO what to do"}}
why: |
  TODO why it matters: what is lost or at risk if nobody acts.
not_to_confuse:
  - "TODO what looks alike and is something else, and how to tell them apart"
references:
  - "TODO https://pve.proxmox.com/pve-docs/"
examples:
  - name: TODO it happens
    lines:
      alpha: |
        {sample}
    expect: {{fires: {{nodes: [alpha]}}}}
  - name: TODO its look-alike does not count
    lines:
      alpha: |
        Mar 14 02:00:00 alpha systemd[1]: Started cron.service - Regular background program processing daemon.
        Mar 14 02:00:20 alpha kernel: [    0.000000] Linux version 6.8.12-4-pve (build@proxmox) (gcc) #1 SMP
        Mar 14 02:10:00 alpha CRON[2201]: (root) CMD (true)
        Mar 14 02:20:00 alpha pvestatd[1500]: status update time (7.1 seconds)
        Mar 14 02:30:00 alpha CRON[2301]: (root) CMD (true)
    expect: {{fires: false}}
  - name: TODO the log that would tell is missing
    files:
      alpha/etc/hostname: "alpha\\n"
    expect: {{could_not_check: true}}
"""


def write_skeleton(identity: str, class_: str, folder: str, event: str, pack: RulePack) -> Path:
    """Write `<folder>/findings/<class>/<id>.yaml` and return its path.

    Raises UsageError for a name that is no id or is taken, a class or event kind that does not exist, and a file that is there.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", identity):
        raise UsageError(f"{identity}: expected a name of lower-case letters, digits and hyphens, such as link-lost-twice")
    if class_ not in CLASSES:
        raise UsageError(f"--class {class_}: expected one of {', '.join(sorted(CLASSES))}")
    every: tuple[Rule | Question | BenignRule, ...] = (*pack.rules, *pack.questions, *pack.benign)
    taken = [*(each.path for each in every if each.id == identity), *map(str, sorted(Path(folder).glob(f"findings/*/{identity}.yaml")))]
    if taken:
        raise UsageError(f"{identity}: is there already: {taken[0]}; nothing was written")
    sample = next((each.samples[0].line for each in pack.signatures if each.kind == event and each.samples), "")
    if not sample:
        raise UsageError(f"--event {event}: no signature yields it; `pveforensics rules list` shows all")
    path = Path(folder) / "findings" / class_ / f"{identity}.yaml"
    text = _TEXT.format(id=identity, class_=class_, event=event, sample=_logged(sample), folder=folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path}: is there already; nothing was written") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def _logged(sample: str) -> str:
    """A sample as a line of alpha's syslog; samples may be bare messages."""
    stamped = re.match(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ ", sample)
    return f"Mar 14 02:10:00 alpha {sample[stamped.end() :] if stamped else sample}"
