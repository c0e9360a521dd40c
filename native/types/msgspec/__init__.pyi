# What compiled modules have to know of msgspec, which a build does not install: that a metaclass makes its classes.
from typing import Any, dataclass_transform

def field(*, default: Any = ..., default_factory: Any = ..., name: str | None = ...) -> Any: ...

class StructMeta(type): ...

@dataclass_transform(field_specifiers=(field,))
class Struct(metaclass=StructMeta):
    def __init_subclass__(cls, **options: bool) -> None: ...
