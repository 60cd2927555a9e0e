"""Whether JSON that a program keeps for itself is still what it wrote: of a changed digit nothing else tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any


def checksum(said: Mapping[str, Any]) -> str:
    """SHA-256 of all that is said but the checksum itself, however it is spaced and in whatever order.

    Examples
    --------
    >>> checksum({"n": 1, "m": 2})[:8], checksum({"m": 2, "n": 1, "checksum": "x"})[:8], checksum({"n": 1, "m": 3})[:8]
    ('124a038d', '124a038d', '7507e515')
    """
    rest = {name: part for name, part in said.items() if name != "checksum"}
    return sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def changed(said: Mapping[str, Any]) -> str:
    """What is wrong, if it was changed since it was written; what has no checksum, as of files of before, is taken."""
    if "checksum" not in said or said["checksum"] == checksum(said):
        return ""
    return "was changed since it was written, as its checksum shows; take a copy from before, or begin another"
