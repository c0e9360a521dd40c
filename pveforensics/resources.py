"""Where the shipped rules, templates and the collector are: in a wheel, or in a checkout."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def _data(name: str, checkout: str) -> Path:
    """The copy that a wheel carries, or the repository's own folder in a checkout."""
    package = Path(__file__).parent
    packaged = package / "_data" / name
    return packaged if packaged.is_dir() else package.parent / checkout


def rules_folder() -> Path:
    """The folder of the shipped rule pack."""
    return _data("rules", "rules")


def templates_folder() -> Path:
    """The folder of the report's templates."""
    return _data("templates", "reports/templates")


def collector_script() -> Path:
    """The script that gathers a node's evidence."""
    return _data("collector", "collector") / "collect.sh"


def content_hash(folders: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of all rule files: the identity of a rule pack."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*.yaml")):
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
