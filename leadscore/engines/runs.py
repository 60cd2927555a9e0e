"""The work folder of a run: what is done stays done when the run is killed, and another run takes it up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from leadscore.base.files import replacing, sweep
from leadscore.engines.cutting import path_of


class Run:
    """What a run has done so far, in a hidden folder beside what it makes.

    Each step is whole or absent: a table that is cut, a bucket that is scored. What is made from other inputs, by
    another rulebook or version, or for another day has a folder of its own, and what a run like that left is removed.

    Parameters
    ----------
    out : path
        What the run makes.
    made_from : mapping
        Whatever the result depends on, as plain data.
    """

    def __init__(self, out: Path, made_from: Mapping[str, Any]) -> None:
        self._out, self._home = out, out.with_name(f".{out.name}.work")
        self.digest = sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        self._folder = self._home / self.digest[:16]
        self.parts = self._folder / "parts"

    def begin(self) -> None:
        """Take up what a run like this one left, and remove what another left."""
        sweep(self._out)
        for left in self._home.iterdir() if self._home.is_dir() else ():
            if left != self._folder:
                shutil.rmtree(left)
        self.parts.mkdir(parents=True, exist_ok=True)

    def cut(self, table: str) -> Path:
        """Where the buckets of a table are; there once all are."""
        return self._folder / table

    @contextmanager
    def cutting(self, table: str) -> Iterator[Path]:
        """A folder for the buckets of a table, which is theirs once all went well."""
        begun = self._folder / f"{table}.part"
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir()
        try:
            yield begun
        except OSError as error:
            # Arrow does not say where a disk is full.
            error.filename = error.filename or str(begun)
            raise
        begun.rename(self.cut(table))

    def part(self, bucket: int) -> Path:
        """What is made of a bucket; there once it is whole."""
        return path_of(self.parts, bucket)

    def put_in_place(self, manifest: Mapping[str, Any]) -> None:
        """Make the parts the folder that the run makes, with a manifest of what they were made from."""
        for left in self.parts.glob(".*.part"):
            left.unlink(missing_ok=True)
        with replacing(self.parts / "_manifest.json") as file:
            file.write(json.dumps(manifest, indent=2).encode() + b"\n")
        if self._out.is_dir():
            self._out.rename(self._home / "old")
        self.parts.rename(self._out)

    def end(self) -> None:
        """Remove what was done on the way; what is left if it is killed here is taken up by no other run."""
        if self._folder.is_dir():
            self._folder.rename(self._home / "done")
        shutil.rmtree(self._home)


def no_parts_in(folder: Path) -> str:
    """What makes a place none where parts can stand: a file, or a folder that holds anything else."""
    if not folder.is_dir():
        return "is a file" if folder.exists() else ""
    others = sorted(
        one.name
        for one in folder.iterdir()
        if one.name != "_manifest.json" and not (one.name.startswith("bucket=") and one.suffix == ".parquet")
    )
    return f"holds {others[0]!r}, which is no part of such a result" if others else ""
