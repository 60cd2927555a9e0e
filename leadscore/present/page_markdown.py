"""A page as Markdown, rendered from its plain data alone; pictures are told in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any

from leadscore.present.markdown import bullets, escaped, paragraph, table
from leadscore.present.picture_words import in_words


def markdown(page: Mapping[str, Any]) -> str:
    """The page, given as `Page.to_dict` has it, as Markdown that reads as it stands whatever names hold."""
    return "\n\n".join(block for block in _blocks(page) if block) + "\n"


def _blocks(page: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {escaped(page['title'])}"
    yield paragraph(" ".join(page["about"]))
    yield "## Main points"
    yield "\n".join(f"- {_tag(point['verdict'])}{paragraph(point['headline'])}" for point in page["main"])
    yield paragraph(page["legend"])
    for number, section in enumerate(page["sections"], 1):
        yield from _section(section, number)
    if page["decide"]:
        yield "## To decide"
    for number, question in enumerate(page["decide"], 1):
        yield f"{number}. **{escaped(question['question'])}** {escaped(question['facts'])}"
        within = " " * len(f"{number}. ")
        yield indent(bullets(question["options"]), within)
        yield within + r"Decision: \_\_\_\_ Owner: \_\_\_\_ Check again on: \_\_\_\_"
    if page["limits"]:
        yield "## What this page cannot say"
        yield bullets(page["limits"])
    if page["footer"]:
        yield "---"
        yield from map(paragraph, page["footer"])


def _section(section: Mapping[str, Any], number: int) -> Iterator[str]:
    yield f"## {number}. {escaped(section['topic'])}"
    yield f"{_tag(section['verdict'])}**{escaped(section['headline'])}**"
    yield from map(paragraph, section["text"])
    if (picture := section["picture"]) is not None:
        yield paragraph(f"{picture['title']}: {in_words(picture)} {picture['caption']}")
    for one in section["tables"]:
        yield f"**{escaped(one['title'])}**"
        yield table(one["heads"], one["rows"])
        yield bullets(one["notes"])


def _tag(verdict: str | None) -> str:
    return "" if verdict is None else f"*{escaped(verdict)}* "
