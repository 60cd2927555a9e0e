"""What would be written: the change as `git diff` shows it, what `check` says of it that it did not say before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff
from pathlib import Path

from leadscore.base.files import replacing
from leadscore.errors import ArgumentError
from leadscore.rulebook import Rulebook

# A comment with one of these speaks of a number.
_NUMBER = re.compile(
    r"\d|\b(half|halves|once|twice|double|quarter|third|one|two|three|four|five|six|seven|eight|nine|ten|twelve|"
    r"dozen|days?|weeks?|fortnight|months?|years?)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"(?:^|\s)#(.*)$")
# A rulebook that was not read from a file is written here.
_HERE = Path("rulebook.yaml")


def diff_text(old: Rulebook, new: Rulebook) -> str:
    """The lines that change, with one line around them."""
    before, after = (book.to_yaml().splitlines() for book in (old, new))
    return "\n".join(list(unified_diff(before, after, lineterm="", n=1))[2:])


def new_findings(old: Rulebook, new: Rulebook, moved: Sequence[tuple[str, str]]) -> list[str]:
    """What `check` says of the new rulebook and not of the old; a sentence that only has the new number is not new."""
    before = {(one.code, one.path, one.message) for one in old.check()}

    def known(message: str) -> set[str]:
        return {message, *(re.sub(rf"\b{re.escape(number)}\b", was, message) for was, number in moved)}

    return [
        str(one)
        for one in new.check()
        if not any((one.code, one.path, message) in before for message in known(one.message))
    ]


def stale_comments(old: Rulebook, new: Rulebook) -> list[str]:
    """Comments beside a number that changes, or right above it, which speak of a number."""
    before, after = (book.to_yaml().splitlines() for book in (old, new))
    found = []
    for tag, _, _, start, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        for place in range(start, stop) if tag == "replace" else ():
            above = after[place - 1].strip() if place else ""
            for line, text in ((place, above if above.startswith("#") else ""), (place + 1, after[place])):
                comment = _COMMENT.search(text)
                if comment and _NUMBER.search(comment[1]):
                    found.append(f"The comment on line {line} speaks of the old number.")
    return list(dict.fromkeys(found))


def home_of(rulebook: Rulebook) -> Path:
    """The file that a rulebook was read from; else rulebook.yaml in this folder."""
    return Path(rulebook.source) if Path(rulebook.source).suffix.lower() in {".yaml", ".yml"} else _HERE


def write(path: Path, rulebook: Rulebook, summary: str, *, read: str) -> str:
    """Write the rulebook and beside it the summary; `read` is what the file is to hold until then.

    Raises
    ------
    ArgumentError
        If the file holds something else: then nothing is written.
    """
    if path.is_file():
        # A mark of the encoding in front is no part of the text that was read.
        there = path.read_bytes().decode("utf-8-sig", errors="replace")
        if there != read:
            lines = zip((there + "\n").splitlines(), (read + "\n").splitlines(), strict=False)
            first = next((number for number, (one, other) in enumerate(lines, 1) if one != other), None)
            place = first or min(len(there.splitlines()), len(read.splitlines())) + 1
            what = f"{path.name} was changed since it was read (line {place}): not written. Read it again."
            raise ArgumentError("save", what)
    beside = path.with_suffix(".summary.md")
    rulebook.write(path)
    with replacing(beside) as file:
        file.write(summary.encode())
    return f"Written: {path.name} and {beside.name}. Next: git diff, git commit."
