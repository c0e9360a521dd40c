"""ahead(): one thread makes what another is about to ask for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 3
"""Items that wait: of pieces of a megabyte they are what one step of the reader takes, and little memory."""


class _Failed:
    """What the thread met instead of an item."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


_END = object()


def ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items, made by a thread of its own while those before are looked at; what it raises is raised here.

    The first one is made here: who asks for no more needs no thread. Closing the iterator ends the thread, after the item it is at.
    """
    for item in items:
        yield item
        break
    else:
        return
    waiting: queue.Queue[object] = queue.Queue(DEPTH)
    left = threading.Event()
    maker = threading.Thread(target=_make, args=(items, waiting, left), daemon=True, name="unpacking")
    maker.start()
    try:
        while (made := waiting.get()) is not _END:
            if isinstance(made, _Failed):
                raise made.error
            yield made  # type: ignore[misc] # whatever is neither of the two came from `items`
    finally:
        left.set()
        while maker.is_alive():  # it may wait for room
            try:
                waiting.get_nowait()
            except queue.Empty:
                maker.join(0.01)


def _make(items: Iterator[Item], waiting: queue.Queue[object], left: threading.Event) -> None:
    try:
        for item in items:
            waiting.put(item)
            if left.is_set():
                return
        waiting.put(_END)
    except BaseException as error:  # noqa: BLE001 - whoever asks for the next item is told
        waiting.put(_Failed(error))
