"""Files that are whole or not there: a reader never sees half of one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A part that nobody has written to for so long belongs to a run that was killed.
_STALE_SECONDS = 3600


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A part to write beside `path`, which takes its place when all went well, and is removed when not.

    A run killed outright leaves its part behind, hidden and never under the file's own name; a later run that writes
    the same file removes it.
    """
    # Behind a link the file itself is replaced, not the link.
    target = Path(os.path.realpath(path))
    for left in target.parent.glob(f".{_literal(target.name)}.*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _literal(name: str) -> str:
    """A file name as a glob that finds it alone."""
    return re.sub(r"[*?\[]", r"[\g<0>]", name)
