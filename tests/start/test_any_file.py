"""Files of nobody's make: what is written is always read, and nothing goes on in silence."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadscore.errors import ContractError
from leadscore.imports.build import import_tables
from leadscore.imports.data_file import DataFile
from leadscore.rulebook import Rulebook
from leadscore.start.begin import begin, export_files
from tests.start.test_samples import begun

NAMES = [
    "id",
    "Lead ID",
    "email",
    "created",
    "Created At",
    "at",
    "event",
    "status",
    "stage",
    "country",
    "amount",
    "x.y",
]
HEADERS = st.one_of(
    st.sampled_from(NAMES), st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)
)
WORDS = [
    "",
    "null",
    "A;B",
    "1,037",
    "05/01/2026",
    "2026-01-05 10:00",
    "1767622319",
    "ja",
    "007",
    "12.5",
    "a@b.example",
    "won",
]
CELLS = st.one_of(st.sampled_from(WORDS), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))


@st.composite
def tables(draw):
    headers = draw(st.lists(HEADERS, min_size=1, max_size=8))
    columns = []
    for _ in headers:
        few = draw(st.lists(CELLS, min_size=1, max_size=3))
        columns.append(st.one_of(st.sampled_from(few), st.integers(0, 99_999).map(str)))
    rows = draw(st.lists(st.tuples(*columns), max_size=12))
    return [headers, *rows]


def as_csv(rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


@settings(max_examples=60)
@given(st.lists(tables(), min_size=1, max_size=3))
def test_what_is_written_for_any_files_is_read(files):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for number, rows in enumerate(files):
            (place / f"t{number}.csv").write_text(as_csv(rows), encoding="utf-8")
        try:
            beginning = begin(export_files([place]), place)
        except ContractError:  # no leads in it, or no header
            return
        data = DataFile.from_yaml(beginning.data)
        book = Rulebook.from_yaml(beginning.rulebook)
        assert data.timezone == book.timezone
        book.check()
        marked = beginning.data.count("# ? ")
        assert (marked > 0) == bool(beginning.questions)


PEOPLE = """\
Customer No;Full name;E-mail;Registered on;Branch;Size;Opted in
K1;Ana;ana@northwind.example;05/01/2026;Tech;1.200;yes
K2;Bo;bo@fabrikam.example;07/01/2026;Tech;85;no
K3;Eve;eve@contoso.example;09/01/2026;Trade;300;yes
"""
ACTIONS = """\
who,action,when,page
K1,demo_request,2026-01-08T10:00:00Z,https://www.acme.example/demo/?a=1
K1,page_view,2026-01-08T09:00:00Z,https://www.acme.example/pricing
K9,page_view,2026-01-08T09:00:00Z,https://www.acme.example/pricing
"""
STEPS = """\
customer_id,new_status,changed_at
K1,Qualified,2026-01-09T10:00:00Z
K2,Not interested,2026-01-10T10:00:00Z
K1,Won,2026-02-09T10:00:00Z
"""


@pytest.fixture
def unknown(tmp_path):
    for name, text in {"people": PEOPLE, "actions": ACTIONS, "steps": STEPS}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_people_events_and_stages_are_told_by_their_columns(unknown):
    _, asked = begun(unknown)
    imported = import_tables(unknown / "data.yaml")
    leads = {row["lead_id"]: row for row in imported.leads.to_pylist()}
    assert {*leads} == {"K1", "K2", "K3"}
    assert leads["K1"]["size"] == 1200
    assert leads["K1"]["opted_in"] is True
    assert leads["K1"]["created_at"].isoformat() == "2026-01-05T00:00:00+00:00"
    events = [(row["lead_id"], row["event"], row["asset"]) for row in imported.events.to_pylist()]
    assert sorted(events) == [("K1", "demo_request", "/demo"), ("K1", "page_view", "/pricing")]
    stages = [(row["lead_id"], row["stage"]) for row in imported.outcomes.to_pylist()]
    assert sorted(stages) == [("K1", "sql"), ("K1", "won")]
    asks = [question.ask for question in asked]
    assert [ask.split()[0] for ask in asks] == ["Does", "Thousands", "Whose", "Which"]
    assert "Not interested = none" in asked[-1].default


def test_nobody_to_ask_leaves_each_question_in_the_file(unknown):
    beginning = begin(export_files([unknown]), unknown)
    assert beginning.data.count("# ? ") == len(beginning.questions) == 4
    assert beginning.as_of.isoformat() == "2026-01-09"
    # The file says the same with and without its comments.
    assert DataFile.from_yaml(beginning.data).timezone == "UTC"


def test_hostile_values_in_a_question_leave_a_file_that_is_read(unknown):
    hostile = "Qual\x07ified \x1b[31m: # {{x}} %s"
    (unknown / "steps.csv").write_text(STEPS.replace("Not interested", hostile))
    beginning = begin(export_files([unknown]), unknown)
    assert hostile in DataFile.from_yaml(beginning.data).outcomes["steps"].stage.values
    assert "\x1b" not in beginning.data


def test_without_a_date_of_creation_the_loss_is_said(tmp_path):
    (tmp_path / "people.csv").write_text("id,email\n1,a@b.example\n2,c@d.example\n")
    beginning = begin(export_files([tmp_path]), tmp_path)
    assert "no date of creation" in beginning.questions[0].seen
    assert "too young to judge" in beginning.data.replace("\n    #  ", "")


def test_several_columns_of_times_are_asked_about(tmp_path):
    (tmp_path / "people.csv").write_text("id,email,first,second\n1,a@b.example,2026-01-01,2026-01-02\n")
    beginning = begin(export_files([tmp_path]), tmp_path)
    assert any("when a lead was created" in question.ask for question in beginning.questions)


def test_files_without_people_are_refused_by_name(tmp_path):
    (tmp_path / "events.csv").write_text(ACTIONS)
    with pytest.raises(ContractError, match=r"none of these files holds leads.*events\.csv"):
        begin(export_files([tmp_path]), tmp_path)
    with pytest.raises(ContractError, match="no such file"):
        export_files([tmp_path / "nothing.csv"])


def test_two_tables_of_people_are_asked_about(tmp_path):
    (tmp_path / "a.csv").write_text("id,email,created\n1,a@b.example,2026-01-01\n")
    (tmp_path / "b.csv").write_text("id,email\n7,x@b.example\n8,y@b.example\n")
    (tmp_path / "companies.csv").write_text("id,industry\n7,Tech\n8,Trade\n")
    beginning = begin(export_files([tmp_path]), tmp_path)
    assert beginning.questions[0].seen == "a, b each look like people"
    assert import_tables_text(beginning, tmp_path).leads["lead_id"].to_pylist() == ["1"]


def import_tables_text(beginning, place):
    (place / "data.yaml").write_text(beginning.data)
    return import_tables(place / "data.yaml")
