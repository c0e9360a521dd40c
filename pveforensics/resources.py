"""Where the shipped rules and templates are: in a wheel, or in a checkout."""

from importlib.resources import files
from pathlib import Path


def _data(name: str, checkout: str) -> Path:
    """The copy that a wheel carries, or the repository's own folder in a checkout."""
    packaged = Path(str(files("pveforensics"))) / "_data" / name
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / checkout


def rules_folder() -> Path:
    """The folder of the shipped rule pack."""
    return _data("rules", "rules")


def templates_folder() -> Path:
    """The folder of the report's templates."""
    return _data("templates", "reports/templates")
