"""Member: one file of the evidence, read once, front to back."""

from __future__ import annotations

from collections.abc import Iterator

from pveforensics.bundle.layouts import node_hint
from pveforensics.bundle.limits import spelled
from pveforensics.bundle.place import Job, Left, Place
from pveforensics.bundle.stream import Fault, Reader, Tally

HEAD = 1 << 16


class Member:
    """One file, decompressed. It lives until the next one is asked for; its hash and size, as it is stored, stay known after that.

    `path` is its place in the bundle, `mtime` seconds since 1970 as the archive states them (a zip without extended stamps: local
    time taken as UTC), `link_target` where a symbolic link points (such a member is empty), `bundle` the index into
    `Bundle.infos`, `bundle_name` the input's base name.
    """

    def __init__(
        self, place: Place, reader: Reader, stored: tuple[Reader, Tally], *, link_target: str = "", source: Left | None = None
    ) -> None:
        self.path = place.path
        self.mtime = place.mtime
        self.link_target = link_target
        self.bundle = place.bundle
        self.bundle_name = place.bundle_name
        self._place = place
        self._source = source
        self._reader = reader
        self._limit = reader.meter.budget.limits.member
        self._stored, self._tally = stored
        self._size = 0
        self._head = b""
        self._open = True

    def __repr__(self) -> str:
        return f"Member({self.path!r})"

    @property
    def node_hint(self) -> str:
        """The node that path or bundle name point to, or an empty string: see `layouts.node_hint`."""
        return node_hint(self.path, self.bundle_name)

    def head(self, n: int = HEAD) -> bytes:
        """The first `n` bytes (64 KiB at most once reading has begun), without taking them."""
        if not self._size and self._open:
            return self._reader.peek(n)
        return self._head[:n]

    def chunks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """The content in pieces of at most `size` bytes, from where reading stands. Damage and limits end it; `Bundle.not_read` says so.

        Raises ValueError if the next member has been asked for: the stream has moved on.
        """
        while piece := self._take(size):
            yield piece

    def read(self, limit: int) -> bytes:
        """Up to `limit` bytes from where reading stands."""
        pieces = []
        while limit > 0 and (piece := self._take(min(limit, 1 << 20))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)

    @property
    def size(self) -> int:
        """Bytes of the file as it is stored, compressed if it is; reads the rest."""
        self._finish()
        return self._tally.size

    @property
    def sha256(self) -> str:
        """SHA-256 of the file as it is stored, compressed if it is, in hex: what `sha256sum` says of it; reads the rest."""
        self._finish()
        return self._tally.sha256

    @property
    def loose(self) -> int:
        """Bytes of a file that lies in the file system by itself and of which nothing was taken yet; 0 for any other member."""
        return self._source.size if self._source is not None and not self._size and self._open else 0

    def leave(self) -> tuple[Job, Left]:
        """Leave the reading to somebody else, who is to settle what was left. Raises ValueError if it cannot be left."""
        if self._source is None or not self.loose:
            raise ValueError(f"{self.path}: cannot be left to anybody")
        self._source.left = True
        self._open = False
        return Job(self._source.file, self._place, self._reader.meter.budget.limits), self._source

    def close(self) -> None:
        """Let the stream move on."""
        self._head = b""
        self._open = False

    def _finish(self) -> None:
        while self._open and self._take(1 << 20):
            pass
        left = self._limit - self._tally.size
        while self._open and left > 0 and (piece := self._stored.take()):  # what follows the end of compressed data
            left -= len(piece)

    def _take(self, size: int) -> bytes:
        if not self._open:
            raise ValueError(f"{self.path}: read after the next member was asked for")
        if not self._size:
            self._head = self._reader.peek(HEAD)
        piece = self._reader.take(min(size, self._limit - self._size)) if self._size < self._limit else b""
        if not piece and self._size >= self._limit and self._reader.peek(1):
            reason = f"limit: larger than {spelled(self._limit)}; the rest was not read"
            if not any(fault.reason == reason for fault in self._reader.faults):
                self._reader.faults.append(Fault(reason))
        self._size += len(piece)
        return piece
