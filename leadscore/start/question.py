"""A doubt that only people can settle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leadscore.base.text import normalise

Path = tuple[str, ...]
NONE = "none"


@dataclass(frozen=True)
class Question:
    """A doubt, and how it is settled.

    Attributes
    ----------
    seen, ask : str
        What the files hold, and the question.
    default : str
        The answer that is taken where nobody can be asked.
    at : path in the file
        What it is about.
    take : callable
        Writes an answer into the draft; raises ValueError with what would be right.
    """

    seen: str
    ask: str
    default: str
    at: Path
    take: Callable[[str], None]


def one_of(answers: dict[str, str], text: str) -> str:
    """What an answer means, of those there are."""
    found = answers.get(normalise(text))
    if found is None:
        raise ValueError(f"answer {' or '.join(dict.fromkeys(answers.values()))}")
    return found
