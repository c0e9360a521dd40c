"""Archives composed byte by byte for the tests of the bundle reader."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import lz4.frame
from backports import zstd

from pveforensics.bundle import Limits, open_bundles
from pveforensics.model import BundleInfo, NotRead
from pveforensics.value import Value

LOG = "".join(f"Mar 14 02:{i // 60 % 60:02}:{i % 60:02} alpha corosync[1532]:   [TOTEM ] line {i}\n" for i in range(3000)).encode()
TREE = {
    "alpha/etc/hostname": b"alpha\n",
    "alpha/var/log/syslog": LOG,
    "alpha/var/log/syslog.1.gz": gzip.compress(LOG[:5000], mtime=0),
    "beta/var/log/syslog": LOG.replace(b"alpha", b"beta"),
    "beta/var/log/empty.log": b"",
}
PLAIN = {**TREE, "alpha/var/log/syslog.1.gz": LOG[:5000]}
COMPRESS = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
    "lz4": lz4.frame.compress,
}


class Taken(Value, frozen=True, dict=True, gc=True):
    files: dict[str, bytes]
    links: dict[str, str]
    mtimes: dict[str, float | None]
    hashes: dict[str, str]
    not_read: tuple[NotRead, ...]
    infos: tuple[BundleInfo, ...]
    hints: dict[str, str]

    def reason(self, path: str) -> str:
        return next(skipped.reason for skipped in self.not_read if skipped.path == path)

    @property
    def damage(self) -> list[str]:
        return [skipped.path for skipped in self.not_read if skipped.damage]


def take(*paths: object, limits: Limits = Limits()) -> Taken:
    taken = Taken({}, {}, {}, {}, (), (), {})
    with open_bundles([str(path) for path in paths], limits) as bundle:
        for member in bundle.members():
            assert member.path not in taken.files
            taken.files[member.path] = b"".join(member.chunks())
            taken.mtimes[member.path] = member.mtime
            taken.hashes[member.path] = member.sha256
            taken.hints[member.path] = member.node_hint
            if member.link_target:
                taken.links[member.path] = member.link_target
        return Taken(taken.files, taken.links, taken.mtimes, taken.hashes, bundle.not_read, bundle.infos, taken.hints)


def take_bytes(folder: Path, data: bytes, name: str = "bundle.bin", limits: Limits = Limits()) -> Taken:
    path = folder / name
    path.write_bytes(data)
    return take(path, limits=limits)


def tar_of(tree: dict[str, bytes], *, format: int = tarfile.GNU_FORMAT) -> bytes:  # noqa: A002
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, data in tree.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def zip_of(tree: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in tree.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 3, 14, 2, 13, 8)), data, method)
    return stream.getvalue()


def write_tree(folder: Path, tree: dict[str, bytes]) -> Path:
    for name, data in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def header(
    name: bytes, size: int, flag: bytes = b"0", *, size_field: bytes | None = None, link: bytes = b"", magic: bytes = b"ustar\x0000"
) -> bytes:
    """One tar header with a checksum that fits, whatever stands in it."""
    block = bytearray(512)
    block[: len(name[:100])] = name[:100]
    block[100:108] = b"0000644\0"
    block[108:124] = b"0000000\0" * 2
    block[124:136] = size_field if size_field is not None else b"%011o\0" % size
    block[136:148] = b"%011o\0" % 1_700_000_000
    block[148:156] = b" " * 8
    block[156:157] = flag
    block[157 : 157 + len(link)] = link
    block[257 : 257 + len(magic)] = magic
    return sealed(block)


def sealed(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


END = bytes(1024)
