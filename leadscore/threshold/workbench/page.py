"""The workbench without a kernel: one HTML file that holds its module, its style and its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from leadscore.errors import visible

# Nothing may be asked for, whatever a name in the data says; what stands in the file itself runs.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_HEIGHT = 900


@dataclass(frozen=True)
class Static:
    """A page in a frame of its own, for notebooks."""

    html: str

    def _repr_html_(self) -> str:
        style = f"width:100%;height:{_HEIGHT}px;border:0"
        return f'<iframe title="Threshold workbench" style="{style}" srcdoc="{escape(self.html)}"></iframe>'


@cache
def asset(name: str) -> str:
    """The text of `workbench.js` or `workbench.css`."""
    return (files("leadscore.threshold.workbench") / name).read_text(encoding="utf-8")


def html(title: str, data: Mapping[str, Any]) -> str:
    """The page."""
    # In a script only what looks like the end of one, or begins a comment, is not data.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(visible(title))}: threshold</title>\n<style>\n{asset('workbench.css')}</style>\n"
        '<body class="lw-page">\n<main id="workbench"></main>\n'
        f'<script type="application/json" id="data">{text}</script>\n'
        f'<script type="module">\n{asset("workbench.js")}\n'
        'show(document.getElementById("workbench"), JSON.parse(document.getElementById("data").textContent), null);\n'
        "</script>\n</body>\n</html>\n"
    )


def can_show_widgets() -> bool:
    """Whether anywidget is installed."""
    return find_spec("anywidget") is not None
