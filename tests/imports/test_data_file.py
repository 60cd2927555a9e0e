"""The language of data files: read with every problem at once, each at its line; comments kept."""

import json

import pytest

import leadscore as ls
from leadscore.errors import DataFileError
from tests.imports.exports import DATA, TEXT

HEAD = """
data: 1
sources:
  people: {columns: {Created: {type: time}, Size: {type: number}, props: {type: json}}}
  other: {}
leads:
  people: {from: people, lead_id: Id, created_at: Created, columns: {email: Email}}
"""
# What is added to the text, and what is said.
WRONG = {
    "events: {a: {from: peple, lead_id: Id, event: E, at: Created}}": "no source 'peple'; did you mean 'people'?",
    "events: {a: {from: people, lead_id: Id, event: E, at: Size}}": "must be a time: declare Size: {type: time}",
    "events: {a: {from: people, lead_id: Created, event: E, at: Created}}": "'lead_id' cannot be a time",
    "events: {a: {from: people, lead_id: Id, event: E, at: Created, columns: {at: Id}}}": "'at' has its place beside",
    "events: {a: {from: people, lead_id: Id, event: E, at: Created, received_at: Created}}": "goes with 'unique_key'",
    "events: {a: {from: people, lead_id: Id, event: {column: E, values: {a: x, A: y}}, at: Created}}": "'A' is",
    "events: {a: {from: people, lead_id: Id, event: {first: [E, Created]}, at: Created}}": "cannot be a time",
    "events: {a: {from: people, lead_id: Id, event: {column: E, other: drop}, at: Created}}": "'other' goes with",
    "events: {a: {from: people, lead_id: Id, event: {column: E, value: x}, at: Created}}": "needs one of",
    "events: {a: {from: people, join: {people: {Id: Id}}, lead_id: Id, event: E, at: Created}}": "joined to itself",
    "events: {a: {from: people, where: {Size: {has_word: [x]}}, lead_id: Id, event: E, at: Created}}": "Size: ",
    "outcomes: {a: {from: people, lead_id: Id, stage: S}}": "need 'stage' and 'at', or 'stage_dates'",
    "outcomes: {a: {from: people, lead_id: Id, stage_dates: {wonn: Created}}}": "no stage 'wonn'; did you mean",
    "outcomes: {a: {from: people, lead_id: Id, stage_dates: {won: Size}}}": "must be a time",
    "outcomes: {a: {from: people, lead_id: Id, stage: {value: bought}, at: Created}}": "there is no stage 'bought'",
    "identity: {same_person: e-mail}": "the leads have no column 'e-mail'; did you mean 'email'?",
    "identity: {aliases: {a: {from: people, alias: Created, lead_id: Id}}}": "'alias' cannot be a time",
    "timezone: Europe/Berln": "did you mean 'Europe/Berlin'?",
    "order_tolerance_hour: 3": "did you mean 'order_tolerance_hours'?",
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.items(), ids=range(len(WRONG)))
def test_what_does_not_go_together_is_said_at_its_line(wrong, said):
    ls.imports.DataFile.from_yaml(HEAD)
    with pytest.raises(DataFileError) as caught:
        ls.imports.DataFile.from_yaml(f"{HEAD}{wrong}\n", source="data.yaml")
    assert said in str(caught.value)
    line = len(HEAD.splitlines()) + 1
    assert f"line {line}" in str(caught.value)
    assert "^" in str(caught.value)


def test_a_time_is_no_person():
    text = HEAD.replace("{email: Email}", "{met: Created}")
    ls.imports.DataFile.from_yaml(text)
    with pytest.raises(DataFileError, match="'met' is a time, which many leads may have in common"):
        ls.imports.DataFile.from_yaml(text + "identity: {same_person: met}")


TYPES = {
    "{type: number, format: iso}": "'format' goes with type time, not with number",
    "{type: text, separator: ','}": "'separator' goes with type list, not with text",
    "{type: number, thousands: ',', decimal: ','}": "thousands and decimal are both ','",
    "{type: number, thousands: ',,'}": "must be one sign",
    "{type: time, format: dd/mm/yyyy}": "or a pattern such as '%d/%m/%Y %H:%M'",
    "{type: numbr}": "number",
}


@pytest.mark.parametrize(("typed", "said"), TYPES.items())
def test_what_does_not_go_with_a_type_is_said(typed, said):
    with pytest.raises(DataFileError, match="line 4") as caught:
        ls.imports.DataFile.from_yaml(HEAD.replace("{type: number}", typed))
    assert said in str(caught.value)


def test_all_problems_are_said_at_once():
    more = "identity: {same_person: x}\noutcomes: {a: {from: y, lead_id: Id, stage: S, at: Created}}\n"
    with pytest.raises(DataFileError) as caught:
        ls.imports.DataFile.from_yaml(HEAD + more)
    assert len(caught.value.problems) >= 2


def test_a_key_of_json_may_have_a_type_of_its_own():
    text = HEAD.replace("props: {type: json}", "props: {type: json}, props.when: {type: time}")
    data = ls.imports.DataFile.from_yaml(
        f"{text}events: {{a: {{from: people, lead_id: Id, event: props.kind, at: props.when}}}}"
    )
    frame = {"Id": ["a"], "Created": ["2026-03-01"], "Size": ["1"], "Email": [""]}
    held = json.dumps({"kind": "visit", "when": "2026-03-02T09:00:00Z"})
    found = ls.imports.import_tables(data, sources={"people": _frame(frame | {"props": [held]}), "other": _frame({})})
    assert found.events.to_pylist()[0]["at"].isoformat() == "2026-03-02T09:00:00+00:00"
    with pytest.raises(ls.ContractError, match="no JSON"):
        ls.imports.import_tables(data, sources={"people": _frame(frame | {"props": ["{"]}), "other": _frame({})})


def test_a_column_that_stands_for_a_time_need_not_be_declared_one():
    text = HEAD.replace("Created: {type: time}, ", "")
    frame = _frame({"Id": ["a", "b"], "Created": ["2026-03-01", ""], "Size": ["", ""], "Email": ["", ""], "props": ""})
    data = ls.imports.DataFile.from_yaml(text)
    found = ls.imports.import_tables(data, sources={"people": frame, "other": _frame({})})
    assert [at and at.isoformat() for at in found.leads["created_at"].to_pylist()] == [
        "2026-03-01T00:00:00+00:00",
        None,
    ]
    with pytest.raises(ls.ContractError, match=r"people\.Created: 1 row"):
        ls.imports.import_tables(data, sources={"people": frame.assign(Created=["1.3.2026", ""]), "other": _frame({})})


def _frame(columns):
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(columns)


def test_comments_and_layout_are_kept(tmp_path):
    text = TEXT.replace("timezone: Europe/Berlin", "timezone: Europe/Berlin   # ours")
    data = ls.imports.DataFile.from_yaml(text)
    assert data.to_yaml() == text
    data.write(tmp_path / "data.yaml")
    assert (tmp_path / "data.yaml").read_text(encoding="utf-8") == text
    assert repr(ls.imports.DataFile.read(tmp_path / "data.yaml")) == repr(DATA)


def test_the_schema_describes_what_is_read():
    schema = ls.imports.DataFile.model_json_schema()
    assert {"data", "timezone", "sources", "leads", "events", "outcomes", "identity"} <= schema["properties"].keys()
    assert set(schema["required"]) >= {"data", "sources", "leads"}


def test_what_the_sources_lack_is_said_with_the_line_of_the_block():
    data = ls.imports.DataFile.from_yaml(HEAD, source="data.yaml")
    with pytest.raises(DataFileError) as caught:
        ls.imports.import_tables(data, sources={"people": _frame({"ID": [], "Created": [], "E-mail": []})})
    said = str(caught.value)
    assert "line 7, leads.people: people has no column 'Email'; did you mean 'E-mail'?" in said
    assert "people has no column 'Size'" in said
