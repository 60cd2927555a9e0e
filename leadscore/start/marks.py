"""Parts of a YAML file as they are to be written: in one line, or with a comment for people above them."""

from __future__ import annotations

import textwrap
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from leadscore.errors import visible
from leadscore.rulebook import yaml

_WIDTH = 116


def in_line(data: Any) -> Any:
    """Plain data as a part of a file that stands in one line."""
    if isinstance(data, dict):
        data = CommentedMap((key, in_line(value)) for key, value in data.items())
    elif isinstance(data, (list, tuple)):
        data = CommentedSeq(map(in_line, data))
    else:
        return data
    data.fa.set_flow_style()
    return data


def said(data: Any) -> str:
    """Plain data as YAML in one line.

    Examples
    --------
    >>> said({"Job title": ["VP", "no: 1"]}), said("null")
    ("{Job title: [VP, 'no: 1']}", "'null'")
    """
    return yaml.dump(in_line(data)).removesuffix("...\n").rstrip("\n")


def mark(tree: Any, path: tuple[str, ...], text: str) -> None:
    """Put a comment on the lines above a key, or above the nearest part around it that stands on lines of its own."""
    node: Any = tree
    parents: list[tuple[Any, str]] = []
    for key in path:
        if not isinstance(node, CommentedMap) or key not in node or node.fa.flow_style():
            break
        parents.append((node, key))
        node = node[key]
    parent, key = parents[-1] if parents else (tree, next(iter(tree)))
    indent = 2 * (len(parents) - 1) if parents else 0
    lines = textwrap.wrap(visible(text), _WIDTH - indent, break_on_hyphens=False)
    comment = "\n".join([lines[0], *(f"  {line}" for line in lines[1:])])
    parent.yaml_set_comment_before_after_key(key, before=comment, indent=indent)
