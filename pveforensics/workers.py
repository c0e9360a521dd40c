"""Workers: the same pure function on many jobs, in processes where that pays, with the results in the order of the jobs."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

_held: list[Callable[[Any], Any]] = []


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(jobs: Sequence[Job], run: Callable[[Job], Result], workers: int) -> Iterator[Result]:
    """`run` of each job, in order.

    Processes are forked, so that they share what `run` holds; where that is not safe (other systems than Linux), or for one job or
    worker, all is run here. What a worker could not do, killed for memory perhaps, is done here too.
    """
    if min(workers, len(jobs)) < 2 or sys.platform != "linux":
        yield from map(run, jobs)
        return
    import multiprocessing  # noqa: PLC0415 - most runs have nothing to share
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=multiprocessing.get_context("fork"), initializer=_begin, initargs=(run,))
    try:
        futures = deque(pool.submit(_call, job) for job in jobs)
        for job in jobs:
            try:
                result: Result = futures.popleft().result()  # whoever takes it may let go of it: all together may be much
            except Exception:  # noqa: BLE001 - a job that fails here as well says so itself
                result = run(job)
            yield result
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(run: Callable[[Any], Any]) -> None:
    """A worker begins: Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _held[:] = [run]


def _call(job: Any) -> Any:
    return _held[0](job)
