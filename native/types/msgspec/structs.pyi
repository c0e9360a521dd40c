# What copies values and sets fields of frozen ones.
from typing import Any, TypeVar

_Value = TypeVar("_Value")

def replace(struct: _Value, /, **changes: Any) -> _Value: ...
def force_setattr(struct: Any, name: str, value: Any) -> None: ...
