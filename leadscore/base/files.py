"""Files that are whole or not there, replaced by nobody else meanwhile, and never an input."""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import IO

from leadscore.base.call import Call

AnyPath = str | os.PathLike[str]

# A part that nobody has written to for so long belongs to a run that was killed.
_STALE_SECONDS = 3600
# Letters of a file's name in that of its part: four bytes each and the rest must fit in 255.
_NAMED = 48


@contextmanager
def replacing(path: AnyPath) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of `path` when all went well, and is removed when not.

    A file that is replaced keeps its permissions, its owner as far as we may give files away, and its place behind a
    link. A device, a pipe or the standard output is written to, not replaced. A run killed outright leaves its part
    behind, hidden and never under the file's own name; a later run that writes the same file removes it.

    Raises
    ------
    OSError
        If the file cannot be written; the one that was there is as it was.
    ArgumentError
        If `path` is no path.
    """
    with Call("write") as given:
        given.path("path", path)
    try:
        with _stream(path) if is_stream(path) else _replaced(path) as file:
            yield file
    except OSError as error:
        # A full disk does not say where it is full.
        error.filename = error.filename or os.fspath(path)
        raise


@contextmanager
def replacing_folder(path: AnyPath) -> Iterator[Path]:
    """A folder to fill, which takes the place of the one at `path` when all went well, and is removed when not."""
    target, marks = Path(path), os.urandom(8).hex()
    made, old = (target.with_name(f".{target.name}.{marks}.{kind}") for kind in ("part", "old"))
    try:
        made.mkdir()
        yield made
        if target.exists():
            target.rename(old)
        made.rename(target)
    finally:
        for folder in (made, old):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _replaced(path: AnyPath) -> Iterator[IO[bytes]]:
    # Behind a link the file itself is replaced, not the link.
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, "a link that leads back to itself", os.fspath(path))
    sweep(target, _STALE_SECONDS)
    part = target.with_name(f".{target.name[:_NAMED]}.{os.urandom(8).hex()}.part")
    try:
        with _begun(part, target) as file:
            yield file
            file.flush()
            # A full disk may say so only now, when the old file is still there.
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _stream(path: AnyPath) -> IO[bytes]:
    # Opened anew, a file behind the standard output would be emptied, and written from its start.
    if own := _standard(path):
        return open(os.dup(own), "wb")  # noqa: PTH123 - no path

    def opener(name: str, flags: int) -> int:
        # A pipe that nobody reads would be waited for without end.
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    try:
        file = open(path, "wb", opener=opener)  # noqa: SIM115 - Path.open has no opener; closed by who writes
    except OSError as error:
        if error.errno == errno.ENXIO:
            error.strerror = "nobody reads this pipe"
        raise
    if hasattr(os, "set_blocking"):
        os.set_blocking(file.fileno(), True)
    return file


def _begun(part: Path, target: Path) -> IO[bytes]:
    """The part, open for writing to nobody who could not write the file itself."""
    old = target.stat() if target.exists() else None

    def opener(path: str, flags: int) -> int:
        # Until its permissions are known, only we may open it: who has it open could read on.
        descriptor = os.open(path, flags, 0o600 if old else 0o666)
        if old:
            _as_old(descriptor, target, old)
        return descriptor

    try:
        if old and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
        # "x" creates what is not there yet, and follows no link.
        return open(part, "xb", opener=opener)
    except OSError as error:
        # The name that people know.
        error.filename = str(target)
        raise


def _as_old(descriptor: int, target: Path, old: os.stat_result) -> None:
    """Whoever could not read or write the old file cannot read or write the new one."""
    mode = stat.S_IMODE(old.st_mode) & 0o777
    if hasattr(os, "fchown") and not any(_given(descriptor, owner, old.st_gid) for owner in (old.st_uid, -1)):
        # Of another group, whose rights these were not.
        mode &= 0o707
    if hasattr(os, "listxattr"):
        # Lists of who else may read stand there; a folder gives its own to what is new in it.
        kept = os.listxattr(target)
        for name in {*kept, *os.listxattr(descriptor)}:
            with suppress(OSError):
                if name in kept:
                    os.setxattr(descriptor, name, os.getxattr(target, name))
                else:
                    os.removexattr(descriptor, name)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)


def _given(descriptor: int, owner: int, group: int) -> bool:
    try:
        os.fchown(descriptor, owner, group)
    except OSError:
        return False
    return True


def sweep(target: Path, stale: float = 0) -> None:
    """Remove what killed runs left of a file that no other run writes, or has not written to for so many seconds."""
    # With letters in number, the parts of `scores.csv` are none of `scores`.
    for left in target.parent.glob(f".{glob.escape(target.name[:_NAMED])}.{'?' * 16}.part"):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime > stale:
                left.unlink()


def is_stream(path: AnyPath) -> bool:
    """Whether a path is there and is no file of its own: a device, a pipe, or what this process prints to."""
    there = Path(path)
    return there.exists() and (not (there.is_file() or there.is_dir()) or _standard(path) > 0)


def is_stdout(path: AnyPath) -> bool:
    """Whether writing to a path is printing."""
    return _standard(path) == 1


def _standard(path: AnyPath) -> int:
    """Whether this process prints to a path: 1 its output, 2 its errors; 0 if not."""
    return next((number for number in (1, 2) if _is_same(path, number)), 0)


def is_read_at(out: AnyPath, source: AnyPath) -> bool:
    """Whether what is read at a path (a file, a folder of parts, a glob) is, or would be, the file written to.

    By what the names lead to: links, hard links and other spellings are the same file.
    """
    source, real = os.fspath(source), Path(os.path.realpath(out))
    if real.exists() and not real.is_file():
        # A device may be read from and written to.
        return False
    read: Sequence[AnyPath]
    if Path(source).is_dir():
        inside = real.is_relative_to(os.path.realpath(source))
        read = [*Path(source).rglob("*")]
    elif os.path.lexists(source):
        inside, read = real == Path(os.path.realpath(source)), [source]
    else:
        inside, read = _matches(real, source), glob.glob(source, recursive=True)  # noqa: PTH207 - takes absolute patterns
    return inside or any(_is_same(out, one) for one in read)


def _matches(path: Path, pattern: str) -> bool:
    """Whether a glob finds a path, there or not."""
    if not re.search(r"[*?\[]", pattern):
        return path == Path(os.path.realpath(pattern))
    # A folder of the pattern may be a link.
    folder, name = os.path.split(os.path.abspath(pattern))  # noqa: PTH100 - resolving it would follow its last part
    whole = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 - as above
    return fnmatch(str(path), whole) if "**" in whole else PurePath(path).match(whole)


def _is_same(one: AnyPath, other: AnyPath | int) -> bool:
    """Whether a path leads to the file of another, or to one that is open."""
    try:
        return os.path.samefile(one, other)  # noqa: PTH121 - takes what is open too
    except OSError:
        return False


@contextmanager
def locked(path: AnyPath, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a file that is read and then replaced, so that no other run changes it in between.

    Parameters
    ----------
    path : path
        Beside it stands an empty file, `.NAME.lock`. What is held is let go when the process ends, however it ends.
    waiting : callable
        Called once if another run holds the file; then this one waits for it.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - the two commands that lock alone wait for it

    target = Path(os.path.realpath(path))
    lock = FileLock(target.with_name(f".{target.name[:_NAMED]}.lock"))
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        waiting()
        held = lock.acquire()
    with held:
        yield
