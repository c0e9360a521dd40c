"""Proxmox VE cluster post-mortems from a support bundle: `case = pveforensics.analyze("bundle.tgz")`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pveforensics import timeline
    from pveforensics.api import analyze

__version__ = "0.1.0"
__all__ = ["__version__", "analyze", "timeline"]


def __getattr__(name: str) -> Any:
    """Load what programs call when it is first asked for: importing the package costs nothing."""
    if name == "analyze":
        return importlib.import_module("pveforensics.api").analyze
    if name == "timeline":
        return importlib.import_module("pveforensics.timeline")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
