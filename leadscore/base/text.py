"""How text is compared, one normal form for rulebooks, leads and events; and how counts and numbers are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from unicodedata import normalize

# \w is str.isalnum() and the underscore.
_BETWEEN_WORDS = re.compile(r"[\W_]+")
# Unicode's default ignorable code points: soft hyphen, zero width space and joiners, direction marks, byte order mark.
IGNORABLE = (
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_IGNORABLE = re.compile(IGNORABLE)

# Letters of a value that a message shows.
_SHOWN = 200


def normalise(text: str) -> str:
    r"""Unicode NFKC, case folded, without characters that are not seen, trimmed, inner white space to one space.

    This is Unicode's NFKC_Casefold (UAX 44, toNFKC_Casefold), with white space beside: a zero width space or a soft
    hyphen makes no other value. Folding can undo the composition (and the other way round), so NFKC stands on both
    sides of it: normalising twice changes nothing.

    Examples
    --------
    >>> normalise("  \uff28ead of   STRA\u1e9eE "), normalise("\ufeffU\u200bS")
    ('head of strasse', 'us')
    """
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(normalize("NFKC", normalize("NFKC", _IGNORABLE.sub("", text)).casefold()).split())


def normalised(texts: Iterable[str]) -> list[str]:
    """Each of many texts normalised; most are plain, and cost no call of a function each."""
    return [" ".join(text.lower().split()) if text.isascii() else normalise(text) for text in texts]


def worded(normalised: str) -> str:
    """The words of a normalised text, each between spaces: `in` on it finds whole words and phrases only.

    Words are runs of letters and digits (Unicode).

    Examples
    --------
    >>> worded("co-founder & cto")
    ' co founder cto '
    >>> " cto " in worded("director")
    False
    """
    return f" {_BETWEEN_WORDS.sub(' ', normalised).strip()} "


def as_text(value: Any) -> str:
    """How a value that is not text stands in a text column: 5 and 5.0 as '5', True as 'true'."""
    if type(value) is str:
        return value
    # What stands in an array or a Series is of numpy, which would not be loaded for a rulebook.
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def counted(count: int, thing: str, things: str = "") -> str:
    """How many of something; `things` where an s does not make it more than one.

    Examples
    --------
    >>> counted(1, "lead"), counted(1200, "lead"), counted(2, "touch", "touches")
    ('1 lead', '1,200 leads', '2 touches')
    """
    return f"{count:,} {thing if count == 1 else things or f'{thing}s'}"


def listed(parts: Sequence[str]) -> str:
    """Some parts of a sentence as one.

    Examples
    --------
    >>> listed(["one"]), listed(["one", "two"]), listed(["one", "two", "three"])
    ('one', 'one and two', 'one, two and three')
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def about(count: float) -> str:
    """A count that is estimated roughly, to two figures.

    Examples
    --------
    >>> about(66), about(735.2), about(108938)
    ('about 66', 'about 740', 'about 110,000')
    """
    return f"about {float(f'{count:.1e}'):,.0f}"


def decimal(value: float) -> str:
    """A number as people write it, exactly, without an exponent.

    Examples
    --------
    >>> decimal(10.0), decimal(2.5), decimal(1e6), decimal(-0.0)
    ('10', '2.5', '1000000', '0')
    """
    number = Decimal(repr(value))
    return format(number.normalize() if number else Decimal(0), "f")


def exact_percent(share: float) -> str:
    """A share as people write it, exactly.

    Examples
    --------
    >>> exact_percent(0.6), exact_percent(0.29), exact_percent(0.333), exact_percent(1)
    ('60%', '29%', '33.3%', '100%')
    """
    number = Decimal(repr(share)) * 100
    return f"{number.normalize() if number else 0:f}%"


def shown(value: object) -> str:
    """A value as Python shows it, if that is short; else what it is.

    Examples
    --------
    >>> shown(2.5), shown(["a"]), shown([1] * 1000)
    ('2.5', "['a']", 'a list')
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an object of anybody's, or a number of 5,000 digits
        text = ""
    return text if 0 < len(text) <= _SHOWN and "\n" not in text else kind_of(value)


def kind_of(value: object) -> str:
    """What a value is: "a list"."""
    return article(type(value).__name__)


def article(name: str) -> str:
    """The name of a class with its article; plural ones have none.

    Examples
    --------
    >>> article("ndarray"), article("int"), article("Tables")
    ('a ndarray', 'an int', 'Tables')
    """
    return name if name.endswith("s") else f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
