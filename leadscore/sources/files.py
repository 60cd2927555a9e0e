"""Where the bytes of a source are: files named by patterns, and temporary ones for what is unpacked or rewritten."""

from __future__ import annotations

import glob
import importlib
import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from leadscore.errors import ContractError, Problem, did_you_mean, visible
from leadscore.sources.source import paths_of

# What may come out of a packed file: so many bytes, and so many times what went in; small ones harm nobody.
LARGEST, RATIO, _SMALL = 20 * 10**9, 200, 1 << 20


@dataclass(frozen=True)
class File:
    """A file to read.

    Attributes
    ----------
    path : str
    label : str
        What messages call it.
    packed : int
        Bytes of the file it came in, which limit what may come out of it.
    """

    path: str
    label: str
    packed: int

    @property
    def ending(self) -> str:
        """What its name says it is, as "csv.gz"."""
        name = PurePath(self.label.lower())
        return name.suffix[1:] if name.suffix != ".gz" else PurePath(name.stem).suffix[1:] + ".gz"

    @property
    def allowed(self) -> int:
        """Bytes that may come out of it."""
        return min(LARGEST, max(RATIO * self.packed, _SMALL))

    def problem(self, table: str, message: str) -> ContractError:
        """The error that names the file."""
        return ContractError("tables", [Problem(table, f"{self.label} {message}")])

    def too_large(self, table: str) -> ContractError:
        """The error for what would unpack without end."""
        limits = f"more than {LARGEST // 10**9} GB or {RATIO} times its {self.packed:,} bytes"
        return self.problem(table, f"would unpack to {limits}; unpack it yourself if you trust it")


def needed(module: str, extra: str, what: str, table: str) -> Any:
    """A library that only some sources need.

    Raises
    ------
    ContractError
        If it is not installed, with the command that does it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        message = f"{what} needs a library that is not installed: pip install 'leadscore[{extra}]'"
        raise ContractError("tables", [Problem(table, message)]) from None


class Scratch:
    """Temporary files, gone as soon as nobody reads them any more."""

    def __init__(self) -> None:
        self._folder = ""
        self._count = 0

    def path(self) -> str:
        """A new file's path; its name says nothing."""
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="leadscore-")
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._count += 1
        return str(Path(self._folder) / str(self._count))


def matching(patterns: tuple[str, ...], folder: Path, table: str) -> list[tuple[File, str]]:
    """The files that patterns name, each once, and which members of an archive are meant.

    Raises
    ------
    ContractError
        If a pattern names no file, for all of them.
    """
    found: dict[tuple[str, str], File] = {}
    problems = []
    for pattern in patterns:
        outer, members = pattern, ""
        paths = _paths(outer, folder, table)
        if not paths and ".zip/" in pattern.lower():
            cut = pattern.lower().index(".zip/") + len(".zip")
            outer, members = pattern[:cut], pattern[cut + 1 :]
            paths = _paths(outer, folder, table)
        if not paths:
            beside = (one.name for one in (folder / outer).parent.glob("*"))
            problems.append(Problem(table, f"no file at {pattern!r}{did_you_mean(Path(outer).name, beside)}"))
        for path in paths:
            label = os.path.relpath(path, folder) if Path(path).is_relative_to(folder) else path
            file = File(path, visible(label), Path(path).stat().st_size)
            found.setdefault((os.path.realpath(path), members), file)
    if problems:
        raise ContractError("tables", problems)
    return sorted(((file, members) for (_, members), file in found.items()), key=lambda one: (one[0].label, one[1]))


def _paths(pattern: str, folder: Path, table: str) -> list[str]:
    whole = folder / pattern
    # The folder's own name may hold what a pattern gives a meaning.
    paths = paths_of(str(whole if whole.exists() else Path(glob.escape(str(folder)), pattern)), table)
    # Excel leaves these beside a workbook that is open.
    return [path for path in paths if not Path(path).name.startswith("~$")]
