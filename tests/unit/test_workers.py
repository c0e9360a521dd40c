"""Work shared among processes gives what one process gives, in the same order, whatever becomes of a worker."""

import gzip
import os
import random
import signal
import sys

import pytest

from pveforensics.bundle import open_bundles
from pveforensics.events import Signature
from pveforensics.intake import LONG, take_in
from pveforensics.workers import cores, run_all

ALONE = os.getpid()


def squared(number):
    return number * number, os.getpid() == ALONE


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_results_come_in_the_order_of_the_jobs_from_other_processes():
    assert list(run_all(range(20), squared, 2)) == [(number * number, False) for number in range(20)]


@pytest.mark.parametrize(("jobs", "workers"), [(20, 1), (1, 8), (0, 8)])
def test_one_job_or_one_worker_stays_here(jobs, workers):
    assert list(run_all(range(jobs), squared, workers)) == [(number * number, True) for number in range(jobs)]


def killed_elsewhere(number):
    if os.getpid() != ALONE and number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_what_a_killed_worker_left_is_done_here():
    assert list(run_all(range(6), killed_elsewhere, 2)) == list(range(6))


def failing(number):
    if number == 2:
        raise LookupError("always")
    return number


def test_what_fails_everywhere_fails():
    results = run_all(range(4), failing, 2)
    assert (next(results), next(results)) == (0, 1)
    with pytest.raises(LookupError, match="always"):
        next(results)


def test_there_is_at_least_one_core():
    assert cores() >= 1


SIGNATURES = [Signature("lost", "lost", "s", "node lost quorum", programs=("pmxcfs",))]


def log(seed):
    draw = random.Random(seed)
    lines = [
        f"Mar 14 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} alpha app[7]: {draw.getrandbits(200):x}\n"
        for second in range(20_000)
    ]
    lines[9_000] = "Mar 14 02:30:00 alpha pmxcfs[9]: [status] notice: node lost quorum\n"
    return "".join(lines).encode()


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "alpha"
    home.mkdir()
    (home / "syslog").write_bytes(log(1))
    packed = gzip.compress(log(2), 1)
    (home / "syslog.1.gz").write_bytes(packed + packed)
    (home / "syslog.2.gz").write_bytes((packed + packed)[:-2_000])
    (home / "note.txt").write_bytes(b"short\n")
    assert all(file.stat().st_size >= LONG for file in home.glob("syslog*"))
    return tmp_path


def intake_of(path, workers):
    with open_bundles([str(path)]) as bundle:
        return take_in(bundle, SIGNATURES, workers=workers)


def told(intake):
    """All of it but the index of the signatures, of which each run has its own."""
    return intake._replace(signatures=None), [scan.everyday for scan in intake.scans]


def test_any_number_of_workers_takes_in_the_same(folder):
    alone = intake_of(folder, 1)
    assert told(intake_of(folder, 2)) == told(intake_of(folder, 5)) == told(alone)
    assert [len(scan.records) for scan in alone.scans] == [1, 2, 2]
    assert [(each.path, each.damage) for each in alone.not_read] == [("alpha/syslog.2.gz", True), ("alpha/note.txt", False)]


def test_a_file_given_by_itself_has_its_own_size_and_hash(folder):
    file = folder / "alpha" / "syslog"
    intake = intake_of(file, 2)
    assert [(info.name, info.size) for info in intake.infos] == [("syslog", file.stat().st_size)]
    assert intake.infos[0].sha256 == intake.scans[0].sha256


def test_a_file_that_is_gone_is_listed(folder, monkeypatch):
    from pveforensics import intake as module

    def gone(*args, **kwargs):
        (folder / "alpha" / "syslog").unlink()
        return real(*args, **kwargs)

    real = module._read_left
    monkeypatch.setattr(module, "_read_left", gone)
    assert ("alpha/syslog", True) in [(each.path, each.damage) for each in intake_of(folder, 1).not_read]
