"""The page of the rulebook's language: every rulebook on it loads, and every example has the points it says."""

import datetime as dt
import re
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

import leadscore as ls
from leadscore.datasets.funnel import example
from leadscore.rulebook import check
from leadscore.rulebook.kinds import lead_kinds
from tests.support import reference

PAGE = (resources.files("leadscore") / "rulebook" / "format.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w+(?: (\S+))?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FILES = {name: text for name, text in BLOCKS if name}
YAML_BLOCKS = [text for name, text in BLOCKS if not name]
# Where an example gives none.
DAY = dt.date(2026, 3, 31)
GIVEN = {"as_of", "lead", "events", "outcomes", "people"}


def whole(text):
    """A rulebook of which the page shows a part."""
    head = "" if "leadscore:" in text else "leadscore: 2\nname: page\n"
    return head + text + ("" if "qualify:" in text else "qualify: {threshold: 0}\n")


def parsed(text):
    return YAML(typ="safe").load(text)


BOOKS = [text for text in YAML_BLOCKS if isinstance(parsed(text), dict)]
# Examples stand beneath their rulebook.
EXAMPLES = [
    (book, one)
    for book, beneath in pairwise(YAML_BLOCKS)
    if isinstance(parsed(beneath), list)
    for one in parsed(beneath)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the page's rulebooks name."""
    place: Path = tmp_path_factory.mktemp("page")
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def asked(one):
    return {"total" if key == "points" else key: value for key, value in one.items() if key not in GIVEN}


def test_there_are_rulebooks_and_examples():
    assert len(BOOKS) > 30
    assert len(EXAMPLES) > 100
    assert all("points" in one for _, one in EXAMPLES)


@pytest.mark.parametrize("text", BOOKS)
def test_a_rulebook_loads(folder, text):
    ls.Rulebook.from_yaml(whole(text), folder=folder)


@pytest.mark.parametrize(("text", "one"), [(text, one) for text, one in EXAMPLES if "people" not in one])
def test_an_example_has_its_points(folder, text, one):
    book = ls.Rulebook.from_yaml(whole(text), folder=folder)
    lead = dict.fromkeys(lead_kinds(book)) | one.get("lead", {})
    events, outcomes = one.get("events", []), one.get("outcomes", ())
    scored = ls.score_one(lead, events, book, as_of=one.get("as_of", DAY), outcomes=outcomes)
    assert {key: scored[key] for key in asked(one)} == asked(one)


def rows_of(one):
    """An example's people, or its one lead, as rows of leads, events and outcomes."""
    people = list(enumerate(one.get("people", [one])))
    leads = [person.get("lead", {}) | {"lead_id": place} for place, person in people]
    return leads, *(
        [row | {"lead_id": place} for place, person in people for row in person.get(kind, ())]
        for kind in ("events", "outcomes")
    )


@pytest.mark.parametrize(("text", "one"), [(text, one) for text, one in EXAMPLES if "people" in one])
def test_an_account_has_its_points(text, one):
    book = ls.Rulebook.from_yaml(whole(text))
    leads, events, _ = map(pd.DataFrame, rows_of(one))
    tables = ls.load_tables(leads, events, rulebook=book)
    frame = ls.score_accounts(tables, book, as_of=DAY).frame.rename(columns={"score": "total"})
    assert frame[list(asked(one))].to_dict("records") == [asked(one)]


@pytest.mark.parametrize(("text", "one"), EXAMPLES)
def test_the_slow_scorer_says_the_same(text, one):
    leads, events, outcomes = rows_of(one)
    files = {name: parsed(file) if name.endswith(".yaml") else file for name, file in FILES.items()}
    score = reference.score_accounts if "people" in one else reference.score
    (scored,) = score(parsed(whole(text)), leads, events, one.get("as_of", DAY), outcomes, files=files).values()
    # Points are in thousandths there, and an account's are called its score.
    scored["total"] = scored.get("total", scored.get("score")) / 1000
    scored["threshold"] = (scored.get("threshold") or 0) / 1000
    assert {key: scored[key] for key in asked(one)} == asked(one)


def test_it_begins_with_the_rulebook_that_init_writes():
    assert YAML_BLOCKS[0] == example("rulebook.yaml")


def keys_in(schema):
    """Every key that a schema names, however deep."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from keys_in(part)


def test_every_word_stands_on_it():
    keys = set(keys_in(ls.Rulebook.model_json_schema()))
    assert {"days_ahead", "keep_on_restart"} <= keys
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", PAGE)) == []


def test_every_finding_stands_in_its_table():
    codes = set(re.findall(r"\bLS1\d\d\b", Path(check.__file__).read_text(encoding="utf-8")))
    assert sorted(code for code in codes if code not in PAGE) == []
