"""Templates compiled once: their code is kept where only this user can write, as Python keeps its own modules."""

from __future__ import annotations

import marshal
import sys
from types import CodeType

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from pveforensics import __version__, cache


class KeptTemplates(BytecodeCache):
    """Jinja's compiled templates in the user's cache folder; what is not there, or damaged, is compiled."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Put the kept code into the bucket, if there is any."""
        data = cache.load(_name(bucket), _key(bucket))
        if data is None:
            return
        try:
            code = marshal.loads(data)  # noqa: S302 - from a folder that is ours alone, with its digest checked
        except (EOFError, ValueError, TypeError):
            return
        bucket.code = code if isinstance(code, CodeType) else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's code."""
        if bucket.code is not None:
            cache.keep(_name(bucket), _key(bucket), marshal.dumps(bucket.code))


def _name(bucket: Bucket) -> str:
    return f"template-{bucket.key[:16]}"


def _key(bucket: Bucket) -> str:
    """Code belongs to one text of a template, where it lies, one version of ours, of Jinja and of Python."""
    return f"{bucket.key}\n{bucket.checksum}\n{__version__}\n{jinja2.__version__}\n{sys.version}"
