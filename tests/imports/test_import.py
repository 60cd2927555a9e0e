"""Situations of exports, each with its twin in which the same is right."""

import pandas as pd
import pytest

import leadscore as ls

BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, timezone: Europe/Berlin, fit: [], qualify: {threshold: 3},"
    " behaviour: [{name: V, event: visit, count: each, points: 2}]}"
)
TEXT = """
data: 1
timezone: Europe/Berlin
sources:
  people: {columns: {created: {type: time}}}
  visits: {columns: {at: {type: time}}}
leads: {people: {from: people, lead_id: id, created_at: created, columns: {email: {column: email, part: email}}}}
events: {visits: {from: visits, lead_id: {column: who, kind: email}, event: {value: visit}, at: at}}
identity:
  aliases: {email: {from: people, alias: {column: email, part: email}, kind: email, lead_id: id}}
"""
PEOPLE = pd.DataFrame(
    {"id": ["1", "2"], "created": ["2026-03-01", "2026-03-02 10:00"], "email": ["Ana@x.example", "bo@y.example"]}
)
VISITS = pd.DataFrame({"who": ["ana@X.example", "eve@z.example"], "at": ["2026-03-05 09:00", "2026-03-06 09:00"]})


def run(text=TEXT, *, people=PEOPLE, visits=VISITS, strict=True):
    data = ls.imports.DataFile.from_yaml(text, source="data.yaml")
    return ls.imports.import_tables(data, sources={"people": people, "visits": visits}, strict=strict)


def fates(imported):
    return {(block, fate, why): n for _, block, fate, why, n in imported.rows.itertuples(index=False)}


def test_strangers_are_counted_and_are_no_breach():
    found = run()
    assert found.events["lead_id"].to_pylist() == ["1"]
    assert fates(found)["visits", "unmatched", "an id of none of the leads"] == 1
    assert "1 of 2 rows of events and outcomes are of no lead here" in " ".join(found.notes)
    with pytest.raises(ls.ContractError, match=r"identity.unmatched: 1 row"):
        run(TEXT + "  unmatched: refuse\n")
    run(TEXT + "  unmatched: refuse\n", visits=VISITS.iloc[:1])


def test_what_is_of_no_use_is_said():
    text = TEXT.replace("sources:", "sources:\n  spare: {}").replace(
        "event: {value: visit}", "event: {column: who, values: {x: visit}, other: drop}"
    )
    assert run(text).notes[:2] == (
        "The source 'spare' is used by no block.",
        "events.visits keeps none of the rows of 'visits'.",
    )
    assert not any("keeps none" in note or "no block" in note for note in run().notes)


def test_leads_that_the_file_leaves_out_are_no_strangers():
    text = TEXT.replace("{columns: {created: {type: time}}}", "{columns: {created: {type: time}}, drop: {id: '1'}}")
    assert fates(run(text))["visits", "unmatched", "of leads that the file leaves out"] == 1
    text = TEXT.replace("leads: {people: {from: people,", "leads: {people: {from: people, drop: {id: '1'},")
    assert fates(run(text))["visits", "unmatched", "of leads that the file leaves out"] == 1


def test_rows_that_are_dropped_give_nobody_another_name():
    device = "device: {from: logins, alias: device, kind: device, lead_id: who}"
    text = TEXT.replace("aliases: {", f"aliases: {{{device}, ")
    text = text.replace("sources:", "sources:\n  logins: {drop: {test: 'yes'}}").replace(
        "kind: email}, event", "kind: device}, event"
    )
    logins = pd.DataFrame({"device": ["d1", "d2"], "who": ["1", "2"], "test": ["yes", "no"]})
    visits = pd.DataFrame({"who": ["d1", "d2"], "at": "2026-03-05"})
    sources = {"people": PEOPLE, "visits": visits, "logins": logins}
    found = ls.imports.import_tables(ls.imports.DataFile.from_yaml(text), sources=sources)
    assert found.events["lead_id"].to_pylist() == ["2"]
    assert fates(found)["visits", "unmatched", "an id of none of the leads"] == 1
    of_all = ls.imports.import_tables(
        ls.imports.DataFile.from_yaml(text), sources=sources | {"logins": logins.assign(test="no")}
    )
    assert of_all.events["lead_id"].to_pylist() == ["1", "2"]


def test_a_name_of_several_leads_is_refused_or_set_aside():
    both = PEOPLE.assign(email="ana@x.example")
    with pytest.raises(ls.ContractError, match=r"email 'ana@x.example' stands for 2 leads: 1, 2"):
        run(people=both)
    assert fates(run(people=both, strict=False))["visits", "unmatched", "an id of several leads"] == 1
    found = run(TEXT + "  same_person: email\n", people=both)
    assert found.leads["lead_id"].to_pylist() == ["1"]
    assert fates(found)["people", "merged", "the same email as an older lead"] == 1


def test_cells_of_another_type_are_refused_with_their_place():
    odd = PEOPLE.assign(created=["2026-03-01", "5/1/2026"])
    with pytest.raises(ls.ContractError, match=r"people\.created: 1 row") as caught:
        run(people=odd)
    assert "row 1: '5/1/2026'" in str(caught.value)
    found = run(people=odd, strict=False)
    assert found.leads["lead_id"].to_pylist() == ["1"]
    assert found.rejected["row"].tolist() == [1]
    assert fates(found)["people", "set aside", "cells that cannot be read"] == 1


def test_a_value_that_is_not_named_is_refused():
    text = TEXT.replace("event: {value: visit}", "event: {column: kind, values: {OPEN: email_open, SENT: null}}")
    visits = VISITS.assign(kind=["open", "sent"])
    found = run(text, visits=visits)
    assert found.events["event"].to_pylist() == ["email_open"]
    assert fates(found)["visits", "dropped", "event that is not asked for"] == 1
    with pytest.raises(ls.ContractError, match="a value that 'values' does not name"):
        run(text, visits=VISITS.assign(kind=["open", "BOUNCE"]))
    other = text.replace("SENT: null}", "SENT: null}, other: mail")
    assert run(other, visits=VISITS.assign(kind=["BOUNCE", "x"])).events["event"].to_pylist() == ["mail"]


def test_a_lead_in_several_rows_is_one_where_they_agree():
    """Overlapping parts of an export; of rows that say different things nobody knows which is right."""
    again = pd.concat([PEOPLE, PEOPLE.assign(email=["ana@x.example", ""])])
    found = run(people=again)
    assert found.leads["lead_id"].to_pylist() == ["1", "2"]
    assert found.leads["email"].to_pylist() == ["ana@x.example", "bo@y.example"]
    assert fates(found)["people", "again", "another row of the same lead"] == 2
    other = pd.concat([PEOPLE, PEOPLE.assign(created="2026-03-09")])
    with pytest.raises(ls.ContractError, match=r"leads\.created_at: 2 leads in several rows that say different things"):
        run(people=other)
    set_aside = run(people=other, strict=False)
    assert len(set_aside.leads) == 2
    assert fates(set_aside)["people", "set aside", "another row of the same lead, which says something else"] == 2


def test_a_join_with_several_matches_makes_no_two_leads():
    text = TEXT.replace("lead_id: id, created_at", "join: {sizes: {id: who}}, lead_id: id, created_at")
    text = text.replace("columns: {email:", "columns: {size: sizes.size, email:").replace(
        "sources:", "sources:\n  sizes: {}"
    )
    data = ls.imports.DataFile.from_yaml(text)
    sizes = pd.DataFrame({"who": ["1", "2", "2"], "size": ["5", "6", "6"]})
    sources = {"people": PEOPLE, "visits": VISITS}
    assert len(ls.imports.import_tables(data, sources=sources | {"sizes": sizes}).leads) == 2
    with pytest.raises(ls.ContractError, match=r"leads\.size: 1 lead in several rows"):
        ls.imports.import_tables(data, sources=sources | {"sizes": sizes.assign(size=["5", "6", "7"])})


def test_a_lead_without_an_id_is_refused():
    with pytest.raises(ls.ContractError, match="no lead_id"):
        run(people=PEOPLE.assign(id=["1", ""]))
    found = run(people=PEOPLE.assign(id=["1", ""]), strict=False)
    assert found.leads["lead_id"].to_pylist() == ["1"]


def test_an_event_without_a_time_is_refused():
    with pytest.raises(ls.ContractError, match="no time"):
        run(visits=VISITS.assign(at=["", "2026-03-06"]))


def test_a_later_pass_is_no_repeat():
    """`repeats: first` drops what a sync sets again, and keeps a second pass through the funnel."""
    text = TEXT + "outcomes: {a: {from: history, lead_id: id, stage: stage, at: at, repeats: first}}\n"
    text = text.replace("sources:", "sources:\n  history: {columns: {at: {type: time}}}")
    stages = ["mql", "mql", "recycled", "mql"]
    history = pd.DataFrame({"id": "1", "stage": stages, "at": [f"2026-03-0{day}" for day in (3, 4, 5, 6)]})
    data = ls.imports.DataFile.from_yaml(text)
    found = ls.imports.import_tables(data, sources={"people": PEOPLE, "visits": VISITS, "history": history})
    assert found.outcomes["stage"].to_pylist() == ["mql", "recycled", "mql"]


class TestLoadTables:
    def test_a_data_file_gives_the_tables(self, tmp_path):
        (tmp_path / "data.yaml").write_text(TEXT.replace("people: {col", "people: {file: p.csv, col"), encoding="utf-8")
        PEOPLE.to_csv(tmp_path / "p.csv", index=False)
        tables = ls.load_tables(tmp_path / "data.yaml", rulebook=BOOK, sources={"visits": VISITS})
        assert ls.score(tables, BOOK, as_of="2026-03-31").frame["behaviour"].to_dict() == {"1": 2.0, "2": 0.0}
        assert tables.imported.events.num_rows == 1
        assert any("of no lead here" in note for note in tables.notes)

    def test_what_is_given_goes_before_the_file(self):
        events = pd.DataFrame({"lead_id": ["2"], "event": ["visit"], "at": ["2026-03-05"]})
        tables = ls.load_tables(run(), events, rulebook=BOOK)
        assert ls.score(tables, BOOK, as_of="2026-03-31").frame["behaviour"].to_dict() == {"1": 0.0, "2": 2.0}

    def test_another_time_zone_is_refused_with_both_names(self):
        book = ls.Rulebook.from_yaml(BOOK.to_yaml().replace("Europe/Berlin", "UTC"))
        with pytest.raises(ls.ContractError, match=r"data.yaml has Europe/Berlin, the rulebook 'x' has UTC"):
            ls.load_tables(run(), rulebook=book)

    def test_frames_need_a_data_file(self):
        with pytest.raises(ls.ArgumentError, match="goes with a data file"):
            ls.load_tables(PEOPLE.rename(columns={"id": "lead_id"}), sources={})

    def test_a_source_that_the_file_does_not_name_is_refused(self):
        with pytest.raises(ls.ContractError, match="there is no source 'peple'; did you mean 'people'"):
            ls.imports.import_tables(ls.imports.DataFile.from_yaml(TEXT), sources={"peple": PEOPLE})


class TestAliases:
    LEADS = pd.DataFrame({"lead_id": ["12", "13"]})
    EVENTS = pd.DataFrame({"lead_id": ["old-7", "12", "older"], "event": "visit", "at": "2026-03-05"})

    def points(self, aliases, leads=LEADS, events=EVENTS):
        tables = ls.load_tables(leads, events, rulebook=BOOK, aliases=aliases)
        return ls.score(tables, BOOK, as_of="2026-03-31").frame["behaviour"].tolist()

    def test_merged_ids_count_for_the_survivor_in_chains(self, tmp_path):
        merged = {"old-7": "12", "older": "old-7"}
        assert self.points(merged) == [6.0, 0.0]
        frame = pd.DataFrame({"merged_id": merged.keys(), "lead_id": merged.values()})
        frame.to_csv(tmp_path / "merged.csv", index=False)
        assert self.points(frame) == self.points(tmp_path / "merged.csv") == [6.0, 0.0]
        with pytest.raises(ls.ContractError, match="not among the leads"):
            self.points({"old-7": "12"})

    def test_ids_that_are_numbers(self):
        leads = pd.DataFrame({"lead_id": [12, 13]})
        events = self.EVENTS.assign(lead_id=[7, 12, 8])
        assert self.points({7: 12, 8: 13}, leads, events) == [4.0, 2.0]

    def test_an_alias_that_is_a_lead_or_of_two_leads_is_refused(self):
        with pytest.raises(ls.ContractError, match="leads of their own stand as aliases: '13'"):
            self.points({"13": "12", "old-7": "12", "older": "12"})
        twice = pd.DataFrame({"old": ["old-7", "old-7"], "lead_id": ["12", "13"]})
        with pytest.raises(ls.ContractError, match="'old-7' stands for 2 leads"):
            self.points(twice)
        with pytest.raises(ls.ContractError, match="1 cell without an id"):
            self.points({"old-7": None})
        with pytest.raises(ls.ContractError, match="must have one column beside lead_id"):
            self.points(twice.assign(more=1))


FOOTED = "id,created,email\n1,2026-03-01,ana@x.example\nTotal (1 record)\nCopyright (c)\n2,2026-03-02,bo@y.example\n"


def test_the_foot_of_a_report_is_left_out_by_where_or_named_by_line(tmp_path):
    (tmp_path / "people.csv").write_text(FOOTED)
    named = TEXT.replace("people: {columns", "people: {file: people.csv, columns")
    (tmp_path / "data.yaml").write_text(named)
    with pytest.raises(ls.ContractError, match="people: 2 rows: a line of 1 cell where the header has 3") as caught:
        ls.imports.import_tables(tmp_path / "data.yaml", sources={"visits": VISITS})
    assert "line 3: 'Total (1 record)'" in str(caught.value)
    aside = ls.imports.import_tables(tmp_path / "data.yaml", sources={"visits": VISITS}, strict=False)
    (tmp_path / "data.yaml").write_text(named.replace("people.csv,", "people.csv, where: {email: {known: true}},"))
    found = ls.imports.import_tables(tmp_path / "data.yaml", sources={"visits": VISITS})
    for imported in (aside, found):
        assert imported.leads["lead_id"].to_pylist() == ["1", "2"]
        mine = imported.rows[imported.rows["block"] == "people"].set_index("fate")["rows"]
        assert mine["read"] == mine.drop("read").sum() == 4


def test_sources_that_cannot_be_opened_are_named_together_with_their_lines(tmp_path):
    text = TEXT.replace("people: {columns", "people: {file: peple.csv, columns").replace(
        "visits: {columns", "visits: {connection: VISITS_DB, table: visits, columns"
    )
    (tmp_path / "people.csv").write_text(FOOTED)
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ls.ContractError, match="2 problems") as caught:
        ls.imports.import_tables(tmp_path / "data.yaml")
    assert "line 5, sources.people: no file at 'peple.csv'; did you mean 'people.csv'?" in str(caught.value)
    assert "line 6, sources.visits: needs the environment variable 'VISITS_DB'" in str(caught.value)
    (tmp_path / "data.yaml").write_text(text.replace("peple.csv", "people.csv, where: {email: {known: true}}"))
    assert ls.imports.import_tables(tmp_path / "data.yaml", sources={"visits": VISITS}).leads.num_rows == 2
