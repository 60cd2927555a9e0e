"""A page as one HTML file, rendered from its plain data alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from leadscore.errors import visible
from leadscore.present.svg import svg

# How the words of the verdicts look; each also reads as it stands.
_KINDS = {"Counted": "counted", "Clear": "clear", "Not clear": "unsure", "Too few to say": "few"}


def html(page: Mapping[str, Any]) -> str:
    """The page, given as `Page.to_dict` has it, as an HTML file without script that asks for nothing else."""
    return _template().render(page=page, kinds=_KINDS, svg=svg)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    return environment.get_template("page.html.jinja")


def _seen(value: Any) -> Any:
    """All that a template writes, with what cannot be seen as its code; what is markup already stays so."""
    return value if isinstance(value, Markup) else visible(value)
