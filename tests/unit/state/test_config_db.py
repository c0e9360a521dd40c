"""config.db: rows in the WAL are seen, damage costs what stood on the damaged page, secrets stay out."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pveforensics.state import config_db
from pveforensics.state.containers import container_kind, open_database

SCHEMA = (
    "CREATE TABLE tree (inode INTEGER PRIMARY KEY NOT NULL, parent INTEGER NOT NULL, version INTEGER NOT NULL, writer INTEGER NOT NULL, "
    "mtime INTEGER NOT NULL, type INTEGER NOT NULL, name TEXT NOT NULL, data BLOB)"
)
EPOCH = 1_773_450_000


def rows():
    yield (0, 0, 900, 1, EPOCH, 8, "__version__", None)
    for inode, parent, name in ((2, 0, "nodes"), (3, 2, "alpha"), (4, 3, "qemu-server"), (5, 0, "priv"), (6, 0, "ha")):
        yield (inode, parent, inode, 1, EPOCH, 4, name, None)
    yield (7, 5, 7, 1, EPOCH, 8, "shadow.cfg", b"secret")
    yield (8, 3, 8, 1, EPOCH, 8, "pve-ssl.key", b"secret")
    yield (9, 6, 9, 2, EPOCH, 8, "resources.cfg", b"vm: 100\n\tstate started\n")
    for number in range(100, 700):
        yield (
            number,
            4,
            number,
            1,
            EPOCH + number,
            8,
            f"{number}.conf",
            f"name: guest{number}\ncores: 2\nmemory: 512\n# {'x' * 200}\n".encode(),
        )


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The database as a crash leaves it: 500 rows in the file, the rest in the WAL only."""
    path = tmp_path_factory.mktemp("db") / "config.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute(SCHEMA)
    every = list(rows())
    insert = "INSERT INTO tree VALUES (?,?,?,?,?,?,?,?)"
    connection.execute("BEGIN")
    connection.executemany(insert, every[:500])
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("BEGIN")
    connection.executemany(insert, every[500:])
    connection.execute("COMMIT")
    data, wal = path.read_bytes(), path.with_name("config.db-wal").read_bytes()
    connection.close()
    return data, wal


def test_what_stands_in_the_wal_is_seen(database):
    data, wal = database
    alone, whole = config_db.open_database(data), config_db.open_database(data, wal)
    assert len(alone.files) < len(whole.files) == 601
    assert whole.frames
    assert not whole.problems
    assert whole.head.version == 900


def test_a_transaction_that_was_cut_does_not_count(database):
    data, wal = database
    assert len(config_db.open_database(data, wal[:-100]).files) == len(config_db.open_database(data).files)
    flipped = wal[:5000] + bytes([wal[5000] ^ 1]) + wal[5001:]
    assert len(config_db.open_database(data, flipped).files) == len(config_db.open_database(data).files)


def test_secrets_stay_out(database):
    assert b"secret" not in b"".join(each.data for each in config_db.open_database(*database).files)


def test_one_overwritten_page_costs_the_rows_on_it(database):
    data, wal = database
    merged, _ = config_db.merged(data, wal)
    for page in range(2, len(merged) // 4096 - 1, 3):
        broken = merged[: page * 4096] + b"\xa5" * 4096 + merged[(page + 1) * 4096 :]
        found = config_db.open_database(broken)
        guests = [each for each in found.files if each.path.endswith(".conf")]
        assert len(guests) >= 600 - 20, page
        assert found.problems or len(guests) == 600


def test_half_a_file_and_a_lost_beginning(database):
    merged, _ = config_db.merged(*database)
    assert len(config_db.open_database(merged[: len(merged) // 2]).files) > 200
    lost = config_db.open_database(b"\0" * 4096 + merged[4096:])
    assert len(lost.files) > 500
    assert lost.problems


def test_each_file_becomes_a_document_of_its_own(database):
    documents = open_database("alpha/var/lib/pve-cluster/config.db", *database, 1.0)
    kinds = {each.path.rpartition("config.db")[2]: each.kind for each in documents}
    assert kinds[""] == "config.db"
    assert kinds["/ha/resources.cfg"] == "section config"
    assert kinds["/nodes/alpha/qemu-server/650.conf"] == "guest_config"
    rows_of = documents[0].snapshots[0].rows
    assert {"path": "ha/resources.cfg", "version": "9", "writer": "2", "mtime": str(EPOCH), "size": "23"} in rows_of


def test_hostile_names_and_circles(tmp_path):
    connection = sqlite3.connect(tmp_path / "config.db")
    connection.execute(SCHEMA)
    insert = "INSERT INTO tree VALUES (?,?,?,?,?,?,?,?)"
    connection.executemany(
        insert,
        [
            (1, 0, 1, 1, EPOCH, 8, "../../etc/passwd", b"x"),
            (2, 3, 1, 1, EPOCH, 4, "a", None),
            (3, 2, 1, 1, EPOCH, 4, "b", None),
            (4, 3, 1, 1, EPOCH, 8, "c", b"x"),
            (5, 99, 1, 1, EPOCH, 8, "orphan", b"x"),
            (6, 0, 1, 1, EPOCH, 8, "storage.cfg", b"dir: local\n\tpath /x\n"),
        ],
    )
    connection.commit()
    connection.close()
    assert [each.path for each in config_db.open_database((tmp_path / "config.db").read_bytes()).files] == ["?/orphan", "storage.cfg"]


def test_kinds_by_their_beginning(database):
    assert container_kind(database[0][:65536]) == "config.db"
    assert container_kind(database[1][:65536]) == "config.db-wal"
    assert container_kind(b"Mar 14 02:13:07 alpha corosync[1]: x") == ""


@given(data=st.data())
@settings(max_examples=25)
def test_damage_never_raises(database, data):
    content, wal = bytearray(database[0]), bytearray(database[1])
    for blob in (content, wal):
        for _ in range(data.draw(st.integers(0, 3))):
            blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    size = data.draw(st.integers(0, len(content)))
    config_db.open_database(bytes(content[:size]), bytes(wal[: data.draw(st.integers(0, len(wal)))]))
