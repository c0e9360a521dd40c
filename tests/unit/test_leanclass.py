"""Our data classes are made faster than the library's, and nothing else about them is different."""

import dataclasses
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pveforensics import leanclass
from pveforensics.leanclass import dataclass

DESCRIBE = """
import dataclasses, importlib, inspect, pkgutil, sys

import pveforensics.leanclass

if sys.argv[1] == "library":
    pveforensics.leanclass.dataclass = dataclasses.dataclass
names = [each.name for each in pkgutil.walk_packages(pveforensics.__path__, "pveforensics.") if not each.name.rpartition(".")[2].startswith("_")]
classes = {
    each
    for name in names
    for each in vars(importlib.import_module(name)).values()
    if isinstance(each, type) and dataclasses.is_dataclass(each) and each.__module__.startswith("pveforensics")
}


def attempt(run, *values):
    try:
        return run(*values)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def filled(cls, values):
    made = object.__new__(cls)
    for each, value in zip(dataclasses.fields(cls), values):
        object.__setattr__(made, each.name, value)
    return made


def show(value):
    # in words that are the same in each process
    if value is dataclasses.MISSING:
        return "missing"
    return getattr(value, "__name__", None) or (type(value).__name__ if " at 0x" in repr(value) else repr(value))


def facts(cls):
    fields = dataclasses.fields(cls)
    yield [(each.name, each.init, each.repr, each.compare, show(each.default), show(each.default_factory)) for each in fields]
    attempt(cls)  # the first call compiles
    parameters = inspect.signature(cls.__init__).parameters.values()
    yield [(each.name, each.default is not each.empty, str(each.kind)) for each in parameters]
    yield cls.__match_args__, vars(cls).get("__slots__"), cls.__hash__ is None, cls.__doc__, cls.__init__.__qualname__
    needed = [each for each in fields if each.init and each.default is each.default_factory is dataclasses.MISSING]
    for count in range(len(fields) + 2):
        made = attempt(cls, *[f"value {number}" for number in range(count)])
        yield made if isinstance(made, str) else [show(attempt(getattr, made, each.name)) for each in fields]
    values = [f"value {number}" for number in range(len(fields))]
    one, same = filled(cls, values), filled(cls, values)
    yield show(one), one == same, one != same, one == 1, attempt(hash, one) == attempt(hash, same)
    for number, each in enumerate(fields):
        other = filled(cls, [*values[:number], "value -", *values[number + 1 :]])
        yield each.name, one == other, attempt(lambda: one < other), attempt(lambda: one >= other)
        yield attempt(setattr, filled(cls, values), each.name, "new"), attempt(delattr, filled(cls, values), each.name)
    state = one.__reduce_ex__(4)[2]
    yield [show(each) for each in state] if isinstance(state, list) else show(state)


for cls in sorted(classes, key=lambda each: (each.__module__, each.__qualname__)):
    for number, fact in enumerate(facts(cls)):
        print(cls.__module__, cls.__qualname__, number, fact)
"""


def described(decorator):
    done = subprocess.run(
        [sys.executable, "-P", "-c", DESCRIBE, decorator],
        env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_each_class_of_ours_is_as_the_library_would_have_made_it():
    ours, theirs = described("own"), described("library")
    assert len({" ".join(line.split()[:2]) for line in ours}) > 150
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == []


def test_no_module_takes_the_decorator_of_the_library():
    for path in Path(leanclass.__file__).parent.rglob("*.py"):
        taken = re.findall(r"^from dataclasses import .*\bdataclass\b|\bdataclasses\.dataclass\(", path.read_text(), re.MULTILINE)
        assert not taken or path.name == "leanclass.py", path


@dataclass(frozen=True, slots=True)
class Point:
    """A sample."""

    x: int
    y: int = 0
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)
    sum: int = dataclasses.field(init=False, default=0, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "sum", self.x + self.y)


@dataclass(slots=True)
class Count:
    """One that changes."""

    of: str
    number: int = 0


def test_the_library_knows_them_as_its_own():
    point = Point(1, tags=["a"])
    assert dataclasses.is_dataclass(point)
    assert dataclasses.replace(point, tags=["b"], y=2) == Point(1, 2)
    assert dataclasses.asdict(point) == {"x": 1, "y": 0, "tags": ["a"], "sum": 1}
    match point:
        case Point(x, y):
            assert (x, y) == (1, 0)


def test_defaults_are_made_anew_for_each_object():
    assert Point(1).tags is not Point(1).tags
    assert repr(Point(1, 2)) == "Point(x=1, y=2, tags=[])"


def test_frozen_ones_are_hashed_by_value_and_refuse_changes():
    assert {Point(1, 2, ["a"]), Point(1, 2)} == {Point(1, 2)}
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        Point(1).x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del Point(1).x


def test_others_change_and_have_no_hash():
    count = Count("lines")
    count.number += 1
    assert count == Count("lines", 1)
    with pytest.raises(TypeError):
        hash(count)


def test_pickles_bring_back_equal_objects():
    for value in (Point(1, 2, ["a"]), Count("lines", 3)):
        again = pickle.loads(pickle.dumps(value))
        assert (again, repr(again)) == (value, repr(value))


def test_what_it_cannot_do_it_says():
    with pytest.raises(TypeError, match="by name only"):

        @dataclass(frozen=True)
        class Named:
            x: int = dataclasses.field(kw_only=True)
