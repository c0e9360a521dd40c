"""A bundle's members become logs, documents, both, or a line in the list of what was not read."""

import hashlib

import pytest

from pveforensics import intake as module
from pveforensics.errors import InputError
from pveforensics.events import Signature
from pveforensics.intake import take_in
from pveforensics.model import NotRead
from pveforensics.readings import Document

SIGNATURES = [Signature("expired", "expired", "s", r"watchdog expired - disable watchdog updates", programs=("watchdog-mux",))]
LINE = b"Mar 14 02:13:07 alpha watchdog-mux[15]: client watchdog expired - disable watchdog updates\n"
DUMP = b"Quorum information\n------------------\nNodes:            3\n"


class FakeMember:
    def __init__(self, path, data, link_target=""):
        self.path, self._data, self.link_target, self.mtime = path, data, link_target, 12.0
        self.node_hint = path.partition("/")[0]
        self.loose = 0
        self.size, self.sha256 = len(data), hashlib.sha256(data).hexdigest()

    def head(self, n=65536):
        return self._data[:n]

    def read(self, limit):
        part, self._data = self._data[:limit], self._data[limit:]
        return part

    def chunks(self, size=1 << 20):
        while part := self.read(size):
            yield part


class FakeBundle:
    infos = ()

    def __init__(self, **members):
        self._members = [member if isinstance(member, FakeMember) else FakeMember(path, member) for path, member in members.items()]
        self.not_read = ()

    def members(self):
        return iter(self._members)


def document(path, data, mtime, link_target=""):
    return Document(path=path, kind="pvecm-status", size=len(data), sha256="", mtime=mtime) if data or link_target else None


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(module.state, "read_document", document, raising=False)
    monkeypatch.setattr(module.state, "document_score", lambda _path, head: 0.9 if b"Quorum information" in head else 0.0, raising=False)


def test_a_log_and_a_dump_under_any_name():
    seen = []
    result = take_in(FakeBundle(a=LINE, b=DUMP), SIGNATURES, seen.append)
    assert [scan.path for scan in result.scans] == ["a"]
    assert [record.kind for record in result.scans[0].records] == ["expired"]
    assert (result.scans[0].mtime, result.scans[0].node_hint) == (12.0, "a")
    assert [each.path for each in result.documents] == ["b"]
    assert not result.not_read
    assert seen == ["a", "b"]


def test_a_pasted_session_is_both():
    result = take_in(FakeBundle(a=DUMP + b"\n" + LINE * 3), SIGNATURES)
    assert len(result.scans) == len(result.documents) == 1
    assert len(result.scans[0].records) == 3
    assert result.scans[0].records[0].line == 5


def test_a_link_is_a_document_if_its_target_says_something():
    link = FakeMember("etc/localtime", b"", "/usr/share/zoneinfo/Europe/Berlin")
    result = take_in(FakeBundle(a=LINE, l=link), SIGNATURES)
    assert [each.path for each in result.documents] == ["etc/localtime"]


def test_a_binary_journal_without_entries_is_listed():
    result = take_in(FakeBundle(a=LINE, j=FakeMember("alpha/system.journal", b"LPKSHHRH" + bytes(300))), SIGNATURES)
    assert result.not_read == (NotRead("alpha/system.journal", "a journal without entries", damage=False),)


def test_a_binary_journal_that_lost_its_head_is_known_by_its_name():
    result = take_in(FakeBundle(a=LINE, j=FakeMember("alpha/system.journal~", bytes(8) + b"\1" * 300)), SIGNATURES)
    (skipped,) = result.not_read
    assert skipped.damage
    assert skipped.reason == "its header is damaged; 0 entries were found by their shape"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing known here\n",
        b"\x7fELF\x02\x01\x01" + bytes(range(32)) * 9,
        b"#!/bin/sh\necho 'client watchdog expired - disable watchdog updates'\n",
    ],
)
def test_an_unknown_file_is_listed_and_is_no_damage(data):
    result = take_in(FakeBundle(a=LINE, u=data), SIGNATURES)
    assert [(each.path, each.damage) for each in result.not_read] == [("u", False)]
    assert len(result.scans) == 1


def test_a_quoted_message_makes_an_excerpt():
    (scan,) = take_in(FakeBundle(a=b"it said\n\nclient watchdog expired - disable watchdog updates\n"), SIGNATURES).scans
    assert (scan.kind, scan.records[0].stamp, scan.records[0].line) == ("excerpt", None, 3)


def test_a_reader_that_fails_costs_its_file_only(monkeypatch):
    def broken(*_):
        raise RuntimeError("no such thing")

    monkeypatch.setattr(module.state, "read_document", broken)
    result = take_in(FakeBundle(a=LINE, b=DUMP), SIGNATURES)
    assert result.not_read == (NotRead("b", "reader failed: RuntimeError: no such thing"),)
    assert len(result.scans) == 1


def test_damage_inside_a_log_is_told():
    result = take_in(FakeBundle(a=b"Mar 14 02:13:07 alpha x[1]: " + b"y" * (2 << 20) + b"\n" + LINE), SIGNATURES)
    assert result.not_read[0].damage
    assert "longer than 1 MiB" in result.not_read[0].reason


def test_nothing_recognized_is_an_input_error():
    with pytest.raises(InputError, match=r"no file was recognized \(u: unknown kind of file\)"):
        take_in(FakeBundle(u=b"nothing\n"), SIGNATURES)
