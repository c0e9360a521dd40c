"""regex(): a regular expression as `re.compile` makes it, but compiled when it is first used.

Three hundred of them stand in modules, and compiling all took a tenth of the analysis of a small log, which uses one in four. What
is always used, or used a million times, may as well call `re.compile`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

__all__ = ["regex"]


class _Uncompiled:
    """Stands for the expression; each of its methods becomes an attribute of its own when first asked for, so that later calls find it."""

    def __init__(self, text: Any, flags: int) -> None:
        self._source = (text, flags)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(re.compile(*self._source), name)  # which knows what it has compiled
        setattr(self, name, found)
        return found

    def __reduce__(self) -> Any:
        return _Uncompiled, self._source

    def __repr__(self) -> str:
        return f"regex{self._source!r}"


if TYPE_CHECKING:
    from re import compile as regex
else:

    def regex(text, flags=0):  # noqa: ANN001, ANN201 - typed as the library's
        """Make an expression that is compiled when it is first used; as `re.compile`, but a wrong one fails there."""
        return _Uncompiled(text, flags)
