"""The folder of the nights: what each wrote, which are done, and a line in the log for each step."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadscore.base.files import replacing, replacing_folder
from leadscore.errors import ArgumentError, LeadscoreError

# What a night writes, a file a day each; `nights` last, and then it is done.
_ENDINGS = {"scores": ".parquet", "changed": ".parquet", "drift": ".json", "nights": ".json"}


@dataclass
class Step:
    """What a step did: how many rows, and what is to be said of it."""

    rows: int = 0
    said: list[str] = field(default_factory=list)


class NightFolder:
    """Where nights write, one at a time; a night is done when its file in `nights` is there.

    Attributes
    ----------
    root : Path
    activity : Path
        Daily activity, a file a day.
    log : Path
        A line of JSON for each step; it is added to, and never read.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.activity, self.log = root, root / "activity", root / "log.jsonl"
        # The activity as nights left it, a folder each.
        self._before = root / ".before"

    def file(self, kind: str, day: dt.date) -> Path:
        """What a night wrote of a kind: scores, changed, drift, nights."""
        return self.root / kind / f"{day}{_ENDINGS[kind]}"

    def done(self) -> list[dt.date]:
        """The days whose nights are done, in their order."""
        return sorted(self._days("nights"))

    def before(self, day: dt.date) -> dt.date | None:
        """The last night done before that of a day."""
        return max((one for one in self.done() if one < day), default=None)

    def said(self, day: dt.date) -> dict[str, Any]:
        """What a night that is done rests on; empty if it is not done, or what it wrote is there no more."""
        if not all(self.file(kind, day).exists() for kind in ("nights", "scores", "changed")):
            return {}
        path = self.file("nights", day)
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise ArgumentError(
                str(path), "is not what a night wrote; remove it, and the night is done again"
            ) from None

    def make(self) -> None:
        """Make the folder, and those in it.

        Raises
        ------
        ArgumentError
            If something lies there that no night made.
        """
        theirs = [path for path in (self.activity, *(self.root / kind for kind in _ENDINGS)) if path.exists()]
        if theirs and not self.log.exists():
            raise ArgumentError("--dir", f"{str(theirs[0])!r} is there, and no night made it; name another folder")
        self.root.mkdir(parents=True, exist_ok=True)
        self._write("")
        for kind in _ENDINGS:
            (self.root / kind).mkdir(parents=True, exist_ok=True)

    def begin(self, day: dt.date) -> None:
        """Make ready for a night: from now on it is not done, and what killed runs left is gone."""
        self.file("nights", day).unlink(missing_ok=True)
        last = max(self.done(), default=dt.date.min)
        for kind in ("scores", "changed", "drift"):
            for other in self._days(kind):
                if other > last and other != day:
                    self.file(kind, other).unlink()
        # Killed while a new activity took the place of the old one.
        for old in self.root.glob(".activity.*.old"):
            if not self.activity.exists():
                old.rename(self.activity)
        for left in (*self.root.rglob(".*.part"), *self.root.glob(".activity.*.old")):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)
        self._go_back(self.done()[-2:])

    def _go_back(self, last: list[dt.date]) -> None:
        """Make the activity what the last night left, and keep it, and what the one before it left."""
        there = self.activity.is_dir()
        for kept in self._before.glob("*"):
            if not there or kept.name not in map(str, last):
                shutil.rmtree(kept)
        if there and last:
            kept = self._before / str(last[-1])
            self._before.mkdir(exist_ok=True)
            _linked(*((kept, self.activity) if kept.is_dir() else (self.activity, kept)))

    def finish(self, day: dt.date, said: dict[str, Any]) -> None:
        """Say that a night is done, and what it rests on."""
        with replacing(self.file("nights", day)) as file:
            file.write(f"{json.dumps(said, indent=1)}\n".encode())

    @contextmanager
    def step(self, day: dt.date, name: str) -> Iterator[Step]:
        """Do a step of a night; whether it succeeds or fails, the log gets its line."""
        done, begun, error = Step(), time.perf_counter(), "stopped"
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        try:
            yield done
            error = ""
        except BaseException as failed:
            error = (isinstance(failed, (LeadscoreError, OSError)) and str(failed)) or type(failed).__name__
            raise
        finally:
            line = {"at": at, "as_of": day.isoformat(), "step": name, "seconds": round(time.perf_counter() - begun, 3)}
            line |= {"rows": done.rows, "ok": not error, "said": done.said} | ({"error": error} if error else {})
            self._write(f"{json.dumps(line)}\n")

    def _write(self, text: str) -> None:
        # In one piece, at the end, whatever else is written there.
        log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(log, text.encode())
        finally:
            os.close(log)

    def _days(self, kind: str) -> Iterator[dt.date]:
        for path in (self.root / kind).glob(f"[!.]*{_ENDINGS[kind]}"):
            try:
                yield dt.date.fromisoformat(path.stem)
            except ValueError:
                message = "is no night's; take it out of the folder"
                raise ArgumentError("--dir", f"{str(path)!r} {message}") from None


def _linked(folder: Path, to: Path) -> None:
    """The same files in another folder, which takes no space: files of days are replaced, and never written to."""
    with replacing_folder(to) as made:
        for path in folder.iterdir():
            try:
                os.link(path, made / path.name)
            except OSError:
                # Not every disk has links, and none has those to files of another.
                shutil.copy2(path, made)
