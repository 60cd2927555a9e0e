"""Text in any encoding as UTF-8: found out where nobody says it, and then said."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa

from leadscore.errors import visible
from leadscore.sources.csv_files import first_line
from leadscore.sources.files import File, Scratch

_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Windows programs write in the west; the words that show whether it fits.
_ELSE = "cp1252"
_TELLING, _WORDS, _LETTERS = re.compile(r"(?<=\W)\w*[^\x00-\x7f]\w*(?=\W)"), 3, 30
# Once there is one, more are looked for in so many pieces of a file.
_LOOKED_AT = 4


def as_utf8(file: File, table: str, encoding: str | None, scratch: Scratch) -> tuple[str, str, list[str]]:
    """The path of the text as UTF-8, what it was written in, and what is to be said of that.

    Raises
    ------
    ContractError
        If there is no such encoding, it does not fit, or the file unpacks to too much.
    """
    if encoding is not None:
        _known(file, table, encoding)
    found = encoding or _found(file, table)
    if codecs.lookup(found).name in {"utf-8", "utf-8-sig", "ascii"}:
        return file.path, "UTF-8", []
    path = scratch.path()
    words = _rewritten(file, table, found, path)
    notes = []
    if encoding is None:
        shown = f", as in {', '.join(map(repr, words))}" if words else ""
        notes = [f"{file.label} is not UTF-8: read as {found}{shown}; say its 'encoding' if that looks wrong"]
    return path, found, notes


def _known(file: File, table: str, encoding: str) -> None:
    try:
        # Of what Python calls codecs some are none of text.
        "a".encode(encoding)
    except (LookupError, ValueError):
        raise file.problem(table, f"cannot be read: there is no encoding {encoding!r}, as utf-8 or cp1252") from None


def chunks(file: File, table: str) -> Iterator[bytes]:
    """The bytes, unpacked, as long as they are not too many."""
    try:
        with pa.input_stream(file.path, compression="gzip" if file.label.lower().endswith(".gz") else None) as stream:
            left = file.allowed if file.label.lower().endswith(".gz") else None
            while chunk := stream.read(_CHUNK):
                if left is not None and (left := left - len(chunk)) < 0:
                    raise file.too_large(table)
                yield chunk
    except OSError as error:
        raise file.problem(table, f"cannot be read: {first_line(error)}") from None


def _found(file: File, table: str) -> str:
    decoder, text, other = codecs.getincrementaldecoder("utf-8")(), False, None
    for number, chunk in enumerate(chunks(file, table)):
        if number == 0:
            other = next((name for mark, name in _MARKS if chunk.startswith(mark)), None)
            text = chunk.startswith(codecs.BOM_UTF8)
        if other is not None:
            continue  # what is left is counted only
        try:
            text |= not decoder.decode(chunk).isascii()
        except UnicodeDecodeError as error:
            # Where letters were UTF-8 so far the file is damaged, and every accent would come out as two signs.
            other = "utf-8" if text or not error.object[: error.start].isascii() else _ELSE
    if other is None and decoder.getstate()[0]:
        return "utf-8" if text else _ELSE
    return other or "utf-8"


def _rewritten(file: File, table: str, encoding: str, path: str) -> list[str]:
    """Write the text as UTF-8 and give words that show whether the encoding fits; a byte it lacks stays as it was."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    words: dict[str, None] = {}
    with Path(path).open("wb") as out:
        try:
            for number, chunk in enumerate(chain(chunks(file, table), [b""])):
                text = decoder.decode(chunk, final=not chunk)
                if not words or (len(words) < _WORDS and number < _LOOKED_AT):
                    words |= dict.fromkeys(visible(word[:_LETTERS]) for word in _TELLING.findall(text))
                out.write(text.encode("utf-8", "surrogateescape"))
        except UnicodeError as error:
            raise file.problem(table, f"is not {encoding} text: {first_line(error)}; what is its 'encoding'?") from None
    return list(words)[:_WORDS]
