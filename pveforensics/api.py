"""What programs call: `pveforensics.analyze`."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath

from pveforensics.model import Case, Options
from pveforensics.pipeline import analyze as run
from pveforensics.rulepack import load_pack


def analyze(
    *bundles: str | PathLike[str],
    since: str | None = None,
    until: str | None = None,
    timezone: str | None = None,
    year: int | None = None,
    rules: Sequence[str] = (),
) -> Case:
    """What happened, from archives, folders and files of one cluster; the options are those of the command `analyze`.

    Raises InputError if nothing in them could be read, UsageError for a bad option or two clusters, RulePackError for bad rules; all
    three are PveForensicsError, of `pveforensics.errors`.
    """
    options = Options(since=since, until=until, timezone=timezone, year=year, rules=tuple(rules))
    return run([fspath(bundle) for bundle in bundles], load_pack(options.rules, examples=False), options)
