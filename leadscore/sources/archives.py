"""Zip files, and workbooks as such: what is in them comes out within limits, under names that they do not choose."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path, PurePosixPath

from leadscore.errors import did_you_mean, visible
from leadscore.sources.csv_files import first_line
from leadscore.sources.files import File, Scratch

_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, OSError, ValueError)
_PACKED = {"zip", "gz", "tgz", "bz2", "xz", "zst", "7z", "rar", "tar"}
_ENCRYPTED = 1
# Where a cell stands; what reads workbooks makes room for all cells up to the last.
_PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{0,3})(\d+)["']""")
_CELLS = 1 << 27
_OVERLAP = 64
_SHOWN = 5


def members(
    file: File, pattern: str, table: str, readable: Collection[str], scratch: Scratch
) -> tuple[list[File], list[str]]:
    """The members of a zip file that are meant, unpacked, and what is to be said of the choice.

    `pattern` names them; without one all are meant whose ending is `readable`.

    Raises
    ------
    ContractError
        If the archive is damaged, encrypted or too large, holds archives, or nothing that is meant.
    """
    with _opened(file, table) as zipped:
        found = {visible(info.filename): info for info in zipped.infolist() if _is_file(info.filename)}
        endings = {name: File("", name, 0).ending for name in found}
        chosen = [
            name for name in found if fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)
        ]
        if not pattern:
            chosen = [name for name in found if endings[name] in readable]
        nested = [name for name in (chosen if pattern else found) if endings[name].rpartition(".")[2] in _PACKED]
        if nested:
            raise file.problem(table, f"holds the archive {nested[0]!r}, which is not unpacked; unpack it yourself")
        if not chosen:
            wanted = f"called {pattern!r}{did_you_mean(pattern, found)}" if pattern else "of a kind that is read"
            raise file.problem(table, f"holds nothing {wanted}")
        kinds = sorted({endings[name] for name in chosen})
        if len(kinds) > 1 and not pattern:
            message = (
                f"holds several kinds of files, {', '.join(kinds)}; say which, as {file.label + '/*.' + kinds[0]!r}"
            )
            raise file.problem(table, message)
        limit, files = _Limit(file, table), []
        for name in sorted(chosen):
            path = scratch.path()
            with Path(path).open("wb") as out:
                _inflate(zipped, found[name], limit, out.write)
            files.append(File(path, f"{file.label}/{name}", file.packed))
    others = [name for name in found if name not in chosen]
    notes = [f"{file.label}: read are {_listed(sorted(chosen))}" + (f"; not {_listed(others)}" if others else "")]
    return files, notes


def check_workbook(file: File, table: str) -> None:
    """Refuse a workbook that would fill the memory: too much to unpack, or a cell far off in an empty sheet.

    Raises
    ------
    ContractError
    """
    if not zipfile.is_zipfile(file.path):
        return  # a workbook as before 2007, which holds no more than it is long
    with _opened(file, table) as zipped:
        limit = _Limit(file, table)
        for info in zipped.infolist():
            extent = _Extent()
            _inflate(zipped, info, limit, extent.take)
            if extent.cells > _CELLS:
                message = f"has cells as far as {extent.last}: delete what stands far from the table, and save it again"
                raise file.problem(table, message)


class _Extent:
    """How far the cells of a sheet reach."""

    def __init__(self) -> None:
        self.rows, self.columns, self.last, self._rest = 0, 0, "", b""

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    def take(self, chunk: bytes) -> None:
        content = self._rest + chunk
        for letters, digits in set(_PLACE.findall(content)):
            column = 0
            for letter in letters.upper():
                column = column * 26 + letter - 64
            self.rows, self.columns = max(self.rows, int(digits)), max(self.columns, column)
            if (self.rows, self.columns) == (int(digits), column):
                self.last = (letters + digits).decode()
        self._rest = content[-_OVERLAP:]


@contextmanager
def _opened(file: File, table: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file.path) as zipped:
            infos = sorted(zipped.infolist(), key=lambda info: info.header_offset)
            if locked := [visible(info.filename) for info in infos if info.flag_bits & _ENCRYPTED]:
                raise file.problem(table, f"is encrypted ({locked[0]!r}); unpack it with its password first")
            if any(one.header_offset + one.compress_size > other.header_offset for one, other in pairwise(infos)):
                raise file.problem(table, "has members that share their bytes, as no program writes them")
            if len({info.filename for info in infos}) < len(infos):
                raise file.problem(table, "has two members of one name")
            yield zipped
    except _DAMAGED as error:
        raise file.problem(table, f"cannot be read as a zip file: {first_line(error)}") from None


class _Limit:
    """What may still come out of an archive."""

    def __init__(self, file: File, table: str) -> None:
        self.file, self.table, self.left = file, table, file.allowed

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise self.file.too_large(self.table)


def _inflate(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, limit: _Limit, take: Callable[[bytes], object]) -> None:
    """Unpack a member piece by piece; what its header says of its length counts for nothing."""
    with zipped.open(info) as stream:
        while chunk := stream.read(_CHUNK):
            limit.spend(len(chunk))
            take(chunk)


def _is_file(name: str) -> bool:
    """Whether a member is one that somebody put there, not a folder or what a system leaves behind."""
    return not name.endswith("/") and not any(
        part.startswith((".", "__MACOSX")) for part in name.split("/") if part != ".."
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
