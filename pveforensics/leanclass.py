"""dataclass(): the standard library's decorator, whose classes take a sixth of the time to make.

Until Python 3.13 the library compiles each method of each class by itself, a millisecond for a frozen one; two hundred of them were a
quarter of what the analysis of a small log took. Here `__init__` alone is compiled, since only its arguments differ; all else that a
class gets reads the fields with what the library has for that. A frozen class also fills its slots directly, which halves what an
object costs.

What stands here is the part of the library that this program uses; the test of this module holds each of our classes against its twin.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter, ge, gt, le, lt
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_ORDER = {"__lt__": lt, "__le__": le, "__gt__": gt, "__ge__": ge}


def _made(cls: type[Any], *, frozen: bool, slots: bool, eq: bool, order: bool) -> type[Any]:
    """The class with its fields and its methods. Methods that it has of its own stay."""
    own = {name for name, value in vars(cls).items() if name != "__hash__" or value is not None}
    cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    fields = dataclasses.fields(cls)
    if any(each.kw_only for each in fields):
        raise TypeError(f"{cls.__name__}: fields by name only are more than this decorator can do")
    methods: dict[str, Any] = {"__init__": _first_init_of(cls, fields, frozen=frozen)}
    methods["__repr__"] = _repr_of([each.name for each in fields if each.repr])
    values_of = _reader([each.name for each in fields if each.compare])
    if eq:
        methods["__eq__"] = _comparison(values_of, None)
        methods["__hash__"] = _hash_of(values_of) if frozen else None
    if order:
        methods |= {name: _comparison(values_of, compare) for name, compare in _ORDER.items()}
    if frozen:
        methods |= {"__setattr__": _refuse_to_assign, "__delattr__": _refuse_to_delete}
        methods |= _pickling_of(cls, [each.name for each in fields]) if slots else {}
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    return cls


def _first_init_of(cls: type[Any], fields: Sequence[Field[Any]], *, frozen: bool) -> Callable[..., None]:
    """What makes the first object: it compiles what makes all others, as a run uses about half of the classes that it loads."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807
        made = _init_of(cls, fields, frozen=frozen)
        cls.__init__ = made
        made(self, *values, **named)

    return __init__


def _init_of(cls: type[Any], fields: Sequence[Field[Any]], *, frozen: bool) -> Callable[..., None]:
    """The one method that is compiled: objects are made by the hundred thousand."""
    known: dict[str, Any] = {"__name__": cls.__module__, "_MISSING": MISSING}
    parameters, body = ["self"], []
    for each in fields:
        name = value = each.name
        if each.default_factory is not MISSING:
            known[f"_make_{name}"] = each.default_factory
            value = f"_make_{name}() if {name} is _MISSING else {name}" if each.init else f"_make_{name}()"
            default = "=_MISSING"
        elif each.default is not MISSING:
            known[f"_default_{name}"] = each.default
            value = name if each.init else f"_default_{name}"
            default = f"=_default_{name}"
        elif each.init:
            default = ""
        else:
            continue  # left to __post_init__
        if each.init:
            parameters.append(name + default)
        body.append(_assignment(cls, name, value, known, frozen=frozen))
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"]), known)  # noqa: S102 - names of our own fields
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"  # for the messages of TypeError
    return made


def _assignment(cls: type[Any], name: str, value: str, known: dict[str, Any], *, frozen: bool) -> str:
    """The line that gives an object its value, past the refusal of a frozen one."""
    if not frozen:
        return f"self.{name} = {value}"
    slot = getattr(cls, name, None)
    if isinstance(slot, MemberDescriptorType):
        known[f"_put_{name}"] = slot.__set__
        return f"_put_{name}(self, {value})"
    known["_put"] = object.__setattr__
    return f"_put(self, {name!r}, {value})"


def _reader(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of these fields as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda _: ()
    get = attrgetter(*names)
    return lambda value: (get(value),)


def _repr_of(names: Sequence[str]) -> Callable[[Any], str]:
    @reprlib.recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _comparison(values_of: Callable[[Any], tuple[Any, ...]], compare: Callable[[Any, Any], Any] | None) -> Callable[[Any, object], Any]:
    """How objects of one class compare by their values; None: whether they are equal."""

    def compared(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        if compare is None:
            return values_of(self) == values_of(other)
        return compare(values_of(self), values_of(other))

    return compared


def _hash_of(values_of: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    return lambda self: hash(values_of(self))


def _refuse_to_assign(_: object, name: str, __: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _pickling_of(cls: type[Any], names: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """A frozen object with slots is pickled as the list of its values: it takes none by name."""
    values_of = _reader(names)
    slots = [getattr(cls, name).__set__ for name in names]

    def __getstate__(self: Any) -> list[Any]:  # noqa: N807
        return list(values_of(self))

    def __setstate__(self: Any, state: list[Any]) -> None:  # noqa: N807
        for put, value in zip(slots, state, strict=True):
            put(self, value)

    return {"__getstate__": __getstate__, "__setstate__": __setstate__}


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen=False, slots=False, eq=True, order=False):  # noqa: ANN001, ANN201 - typed as the library's
        """Make a data class of a class whose annotations name its fields; as `dataclasses.dataclass`."""
        return lambda cls: _made(cls, frozen=frozen, slots=slots, eq=eq, order=order)
