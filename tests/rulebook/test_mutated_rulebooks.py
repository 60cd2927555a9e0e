"""Rulebooks with random faults: each works or is refused with its place, and no fault is passed over in silence."""

import datetime as dt
import decimal
import math
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from tests.support.bad_input import loads_or_is_refused
from tests.support.strategies import documents

ABSURD = [
    *(None, "", " ", "x", "2026-03-02", "2026-13-45", "\u200b", "\x07", "\u2028x", "\ud800", "%s {0} {"),
    *(True, False, 0, -1, 7, 0.0005, 1.5, 10**7, 10**30, 10**400, 1e308, math.inf, -math.inf, math.nan),
    *([], {}, [[]], [{}], [None], {"x": 1}, {5: 1}, {True: 1}, {"": 1}, ["x", "x"], {"is": "x", "at_least": 3}),
    *(b"x", {1, 2}, 1j, decimal.Decimal(5), object, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), dt.time(1), np.int64(5)),
    *({"at_least": "2026-03-02"}, {"has_word": "-"}, {"between": [2, 1]}, {"between": [1]}, {"not": {}}, {"any": []}),
]


WORDS = [
    *(
        "column",
        "points",
        "from",
        "when",
        "other",
        "missing",
        "group",
        "name",
        "event",
        "where",
        "within_days",
        "count",
    ),
    *("half_life_days", "fade_days", "step", "at_least", "at_most", "is", "in", "has_word", "between", "known", "any"),
    *("not", "all", "country", "employees", "consent", "signed_on", "lead_id", "at", "created_at", "threshold", "fit"),
]


def places(node, path=()):
    """Every place below a node, as a path."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at for key, part in parts for at in ((*path, key), *places(part, (*path, key)))]


def inside(node, path):
    for part in path:
        node = node[part]
    return node


def typo(draw, word):
    place = draw(st.integers(0, max(0, len(word) - 1)))
    return draw(st.sampled_from([word[:place] + word[place + 1 :], word[:place] + "x" + word[place:], word.upper()]))


def renamed(node, old, new):
    """The same mapping with one key under another name, in the same place."""
    items = [(new if key == old else key, value) for key, value in node.items()]
    node.clear()
    node.update(items)


def mutate(draw, document):
    """One thing that hands do to a file: drop, repeat, misspell, overwrite, wrap, move."""
    spots = places(document)
    path = draw(st.sampled_from(spots))
    parent, key = inside(document, path[:-1]), path[-1]
    kind = draw(st.sampled_from(["drop", "repeat", "rename", "absurd", "absurd", "wrap", "move", "add"]))
    if kind == "drop":
        del parent[key]
    elif kind == "repeat" and isinstance(parent, list):
        parent.insert(key, deepcopy(parent[key]))
    elif kind in {"rename", "repeat"} and isinstance(parent, dict):
        renamed(parent, key, draw(st.sampled_from(WORDS)) if draw(st.booleans()) else typo(draw, str(key)))
    elif kind == "wrap":
        depth = draw(st.sampled_from([1, 2, 20]))
        for _ in range(depth):
            parent[key] = {"not": parent[key]} if kind == "wrap" and depth != 2 else [parent[key]]
    elif kind == "move":
        parent[key] = deepcopy(inside(document, draw(st.sampled_from(spots))))
    elif kind == "add" and isinstance(parent, dict):
        parent[draw(st.sampled_from(WORDS))] = draw(st.sampled_from(ABSURD))
    else:
        parent[key] = draw(st.sampled_from(ABSURD))


@st.composite
def mutated_documents(draw):
    document = draw(documents())
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        if places(document):
            mutate(draw, document)
    return document


@given(mutated_documents())
def test_a_mutated_document_works_or_is_refused_with_its_place(document):
    # What YAML cannot hold has a path, and no line in the text.
    loads_or_is_refused(ls.Rulebook.from_dict, document, r"line \d+(, \S.*)?|[a-z_]+\S.*")


# Below these, and below each part of `any` and `all`, stand names and values that the file's author chose.
CHOSEN = {"columns", "groups", "points", "from", "when", "where", "not"}


def is_word(path):
    """Whether a place is a key of the language."""
    above = path[:-1]
    chosen = above[-1:] and (above[-1] in CHOSEN or above[-2:-1] in {("any",), ("all",)} or above[0] == "grades")
    return isinstance(path[-1], str) and not chosen


@given(documents(), st.data())
def test_no_misspelt_word_is_passed_over(document, data):
    *outer, word = data.draw(st.sampled_from([path for path in places(document) if is_word(path)]))
    misspelt = typo(data.draw, word)
    renamed(inside(document, outer), word, misspelt)
    with pytest.raises(ls.RulebookError) as error:
        ls.Rulebook.from_dict(document)
    assert f"unknown key {misspelt!r}" in str(error.value)


INSERTED = [
    *(
        "\t",
        "\n",
        "\r",
        "\x00",
        "\x07",
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ud800",
        "\ufffe",
        "\U0001f600",
        "é",
        "\u00a0",
    ),
    *(
        ":",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ",",
        '"',
        "'",
        "#",
        " # ",
        "%",
        "|",
        ">",
        "?",
        "? ",
        "@",
        "`",
        "\\",
        "~",
        "=",
    ),
    *(
        "&a ",
        "*a",
        "!",
        "!!int ",
        "!!python/object/apply:os.system ",
        "!!binary ",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
    ),
    *("0", "1e400", ".nan", "null", "0x", "1_0", "\\ud800", "\\q", "\n  x: 1\n", "\n- x\n"),
]


@st.composite
def mutated_texts(draw):
    text = ls.Rulebook.from_dict(draw(documents())).to_yaml()
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        start = draw(st.integers(0, len(text)))
        lines = text.split("\n")
        row = draw(st.integers(0, len(lines) - 1))
        kind = draw(
            st.sampled_from(["cut", "gap", "insert", "insert", "insert", "indent", "line", "ends", "bom", "tabs"])
        )
        if kind == "cut":
            text = text[:start]
        elif kind == "gap":
            text = text[:start] + text[start + draw(st.integers(1, 12)) :]
        elif kind == "insert":
            text = text[:start] + draw(st.sampled_from(INSERTED)) + text[start:]
        elif kind == "indent":
            lines[row] = draw(st.sampled_from([" ", "  ", "\t", "    "])) + lines[row]
            text = "\n".join(lines)
        elif kind == "line":
            lines[row : row + 1] = draw(st.sampled_from([[], [lines[row]] * 2, [lines[row].lstrip()]]))
            text = "\n".join(lines)
        elif kind == "ends":
            text = text.replace("\n", draw(st.sampled_from(["\r\n", "\r", "\n\n"])))
        else:
            text = "\ufeff" + text if kind == "bom" else text.replace("  ", "\t")
    return text


@given(mutated_texts())
def test_a_mutated_text_works_or_is_refused_with_its_line(text):
    loads_or_is_refused(ls.Rulebook.from_yaml, text)


@given(st.sampled_from(["crlf", "bom", "comment", "blank lines", "no end"]), documents())
def test_layout_alone_is_no_fault(dressed, document):
    rulebook = ls.Rulebook.from_dict(document)
    text = rulebook.to_yaml()
    texts = {"crlf": text.replace("\n", "\r\n"), "bom": "\ufeff" + text, "comment": "# yes\n" + text}
    texts |= {"blank lines": "\n\n" + text + "\n\n", "no end": text.rstrip("\n")}
    assert ls.Rulebook.from_yaml(texts[dressed]) == rulebook
