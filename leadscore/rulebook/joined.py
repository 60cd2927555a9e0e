"""The files beside a rulebook: what it includes, and lists; they lie in its folder or below."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, field, replace
from typing import Any

from leadscore.base.text import as_text, normalise
from leadscore.errors import RulebookError
from leadscore.rulebook.named import NamedList
from leadscore.rulebook.yaml import LARGEST, Document, Fault, Path, read_document

# What an included file may define, in the order in which it is put in.
INCLUDED = ("columns", "missing_values", "lists", "constants", "conditions", "fit", "behaviour", "groups")
_SECTIONS = {(key,) for key in INCLUDED}
# A list of a million addresses is about 25 MB.
_LARGEST_LIST = 64 << 20
_MOST_VALUES = 1_000_000


@dataclass
class Folder:
    """Where the files beside a rulebook lie, and what was read of them: once, when the rulebook was loaded.

    Attributes
    ----------
    path : Path or None
        None of a rulebook that was made from text.
    texts : dict of name to text
    """

    path: pathlib.Path | None = None
    texts: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, largest: int) -> str:
        """The text of a file.

        Raises
        ------
        ValueError
            With what is wrong, in words.
        """
        if name not in self.texts:
            self.texts[name] = self._read(name, largest)
        return self.texts[name]

    def _read(self, name: str, largest: int) -> str:
        if self.path is None:
            raise ValueError("lies beside the rulebook: read that from its file, or say in which folder it lies")
        root = self.path.resolve()
        try:
            file = (root / name).resolve()
            if pathlib.PurePath(name).is_absolute() or not file.is_relative_to(root):
                raise ValueError("must lie in the folder of the rulebook or below; links are followed")
            if not file.exists():
                raise ValueError(f"there is no such file in {self.path}")
            if not file.is_file():
                raise ValueError("is no file")
            with file.open("rb") as opened:
                data = opened.read(largest + 1)
        except (OSError, RuntimeError) as error:
            raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if len(data) > largest:
            raise ValueError(f"has more than {largest:,} bytes")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise ValueError(f"is not UTF-8 text: byte 0x{error.object[error.start]:02x} in line {line}") from None


def joined(document: Document, folder: Folder) -> Document:
    """The rulebook with what it includes put in before its own; problems keep the file and line they stand in."""
    names = document.data.get("include")
    names = [names] if isinstance(names, str) else names if isinstance(names, list) else []
    files = [file for place, name in enumerate(names) if (file := _included(document, folder, name, place))]
    if not files:
        return document
    whole = Document(document.source, document.text, document.form)
    whole.data = {key: value for key, value in document.data.items() if key not in INCLUDED}
    whole.values = {path: span for path, span in document.values.items() if path[:1] not in _SECTIONS}
    whole.keys = {path: span for path, span in document.keys.items() if path[:1] not in _SECTIONS}
    whole.faults = [fault for fault in document.faults if fault[0][:1] not in _SECTIONS]
    for key in INCLUDED:
        for file in (*files, document):
            if key in file.data:
                _add(whole, key, file, own=file is document)
    return whole


def _included(document: Document, folder: Folder, name: Any, place: int) -> Document | None:
    path: Path = ("include", place) if isinstance(document.data["include"], list) else ("include",)
    if not isinstance(name, str):
        return None
    try:
        file = read_document(folder.text(name, 4 * LARGEST), name)
    except ValueError as error:
        document.faults.append((path, f"{name!r} {error}", False))
        return None
    except RulebookError as error:
        problem = error.problems[0]
        document.faults.append((path, f"{name!r}, {problem.where or 'line 1'}: {problem.message}", False))
        return None
    if file.data.get("leadscore", 2) != 2:
        document.faults.append((path, f"{name!r} is not of format 2; it begins with 'leadscore: 2'", False))
    for key in file.data:
        if key not in INCLUDED and key != "leadscore":
            what = "included files do not include others" if key == "include" else f"it may hold {', '.join(INCLUDED)}"
            document.faults.append((path, f"{key!r} cannot stand in {name!r}: {what}", False))
    # What is wrong in the sections of an included file is said at its own lines.
    document.faults += [
        (path, f"{name!r}: {message}", False) for at, message, _ in file.faults if at[:1] not in _SECTIONS
    ]
    return file


def _add(whole: Document, key: str, file: Document, *, own: bool) -> None:
    """Put in one section of a file: mappings by their keys, lists end to end."""
    before, value = whole.data.get(key), file.data[key]
    shift = len(before) if isinstance(before, list) else 0

    def moved(path: Path) -> Path:
        entry = path[1] if len(path) > 1 else None
        return (key, entry + shift, *path[2:]) if type(entry) is int else path

    for spans, those in ((whole.values, file.values), (whole.keys, file.keys)):
        for path, span in those.items():
            if path[:1] == (key,):
                spans[moved(path)] = span if own else replace(span, of=file)
    whole.faults += [(moved(path), message, on_key) for path, message, on_key in file.faults if path[:1] == (key,)]
    if before is None or value is None:
        whole.data[key] = before or value
    elif isinstance(before, list) and isinstance(value, list):
        whole.data[key] = [*before, *value]
    elif isinstance(before, dict) and isinstance(value, dict):
        for name in [name for name in value if name in before]:
            whole.faults.append(((key, name), f"{name!r} is defined in another of the files too", True))
        whole.data[key] = before | value
    else:
        whole.faults.append(((key,), "is a list in one of the files and a mapping in another", True))


def lists(document: Document, folder: Folder) -> tuple[dict[str, NamedList], list[Fault]]:
    """The lists of a rulebook by name, those in files read; and what is wrong with the files."""
    found: dict[str, NamedList] = {}
    faults: list[Fault] = []
    given = document.data.get("lists")
    for name, written in (given if isinstance(given, dict) else {}).items():
        file = written.get("file") if isinstance(written, dict) else None
        values: tuple[str, ...] = ()
        if isinstance(file, str):
            try:
                lines = folder.text(file, _LARGEST_LIST).splitlines()
                values = tuple(line.strip() for line in lines if normalise(line))
                if len(values) > _MOST_VALUES:
                    raise ValueError(f"holds {len(values):,} values; a list has at most {_MOST_VALUES:,}")
            except ValueError as error:
                faults.append((("lists", name, "file"), f"{file!r} {error}", False))
        elif isinstance(written, list):
            values = tuple(as_text(value) for value in written if isinstance(value, (str, int, float, bool)))
        found[str(name)] = NamedList(str(name), values)
    return found, faults
