"""A scoring sheet as a rulebook: always a valid one, and no row is lost."""

import csv
import io
import re

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import leadscore as ls
from leadscore.start.scoring_sheet import read_scoring_sheet
from tests.support.hostile import NAMES
from tests.support.workbooks import write_xlsx

HEADER = ["Category", "Attribute", "Criteria", "Points"]
ONE_RULE = ["Demographic", "Country", "US", "20"]
SHEET = """Category,Attribute,Criteria,Points
Demographic,Job Title,"C-level (CEO, CMO, CTO)",+15
Demographic,Job Title,VP / Director,+10
Firmographic,Company Size,500+ employees,+10
Firmographic,Company Size,50-500 employees,+5
Firmographic,Company Size,Enterprise,+9
Firmographic,Industry,"Software, Finance",+8
Firmographic,Industry,Software,+3
Firmographic,Industry,Other,-3
Behavioral,Requested a demo,,+30
Behavioral,Opened 3+ emails in 7 days,,+5
Behavioral,Opened 10+ emails in 7 days,,+9
Behavioral,Visited pricing page,,"5 per visit, max 20"
Behavioral,Contacted sales,,Auto MQL
Negative,Unsubscribed from emails,,-20
Negative,Free email domain (gmail.com),,Disqualify
Negative,No activity in 30 days,,-10
Negative,No activity in 90 days,,-20
Negative,"Student, intern",,-15
Threshold,MQL,,50
"""


@pytest.fixture
def made(tmp_path):
    """The rulebook of some rows, or of the text of a sheet."""

    def make(sheet, name="sheet.csv", delimiter=","):
        text = sheet if isinstance(sheet, str) else written(sheet, delimiter)
        path = tmp_path / name
        path.write_bytes(text.encode())
        return read_scoring_sheet(path)

    return make


def written(rows, delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue()


def rule(made, line):
    (entry,) = [entry for entry in made.entries if entry.row.place == f"line {line}"]
    return {key: value for key, value in entry.rule.items() if key != "name"} or entry.note


def test_a_sheet_row_by_row(made):
    sheet = made(SHEET)
    assert sheet.summary == "20 rows: 12 rules, 2 cases, 1 threshold, 1 heading, 4 unclear"
    assert rule(sheet, 4) == {"when": {"company_size": {"at_least": 500}}, "points": 10}
    assert rule(sheet, 5) == {"when": {"company_size": {"at_least": 50, "less_than": 500}}, "points": 5}
    assert "numbers" in rule(sheet, 6)
    assert "line 7" in rule(sheet, 8)
    assert rule(sheet, 9) == {"when": {"industry": {"not_in": ["Software", "Finance"]}}, "points": -3}
    assert rule(sheet, 10) == {"event": "requested_demo", "points": 30, "count": "once"}
    assert rule(sheet, 11)["from"] == {3: 5, 10: 0}
    assert rule(sheet, 12)["from"] == {10: 9}
    assert rule(sheet, 13) == {"event": "visited_pricing_page", "points": 5, "count": "each", "at_most": 20}
    activity = ["requested_demo", "opened_emails", "visited_pricing_page"]
    assert rule(sheet, 17) == {"when": {"not": {"did": {"event": activity, "within_days": 30}}}, "points": -10}
    assert "on top of line 17" in rule(sheet, 18)
    qualify = sheet.rulebook.qualify
    assert (qualify.threshold, qualify.hand_raise[0].event) == (50, ("contacted_sales",))
    assert [one.name for one in qualify.never] == ["Free email domain (gmail.com)"]


def test_every_rule_stands_under_its_line_of_the_sheet(made):
    text = made(SHEET).rulebook.to_yaml()
    assert "  # line 10: Behavioral | Requested a demo | +30\n  - name: Requested a demo\n" in text
    assert "\n  # TODO line 19: Negative | Student, intern | -15 -- which column holds it?" in text
    assert "\n  # line 20: Threshold | MQL | 50\n  threshold: 50\n" in text


def test_what_the_rules_give(made):
    book = made(SHEET).rulebook
    leads = {"lead_id": ["a", "b"], "job_title": ["VP of Sales", None], "company_size": [500, 499]}
    leads |= {"industry": ["Retail", "finance"], "email_domain": ["acme.example", "gmail.com"]}
    events = {"lead_id": ["a"] * 12, "event": ["opened_emails"] * 11 + ["requested_demo"]}
    events |= {"at": ["2026-03-30"] * 12}
    pandas = pytest.importorskip("pandas")
    tables = ls.load_tables(pandas.DataFrame(leads), pandas.DataFrame(events), rulebook=book)
    scores = ls.score(tables, book, as_of="2026-03-31").frame
    assert scores.loc["a", ["fit", "behaviour"]].tolist() == [10 + 10 - 3, 9 + 30]
    assert scores.loc["b", ["fit", "behaviour", "blocked_by"]].tolist() == [5 + 8, -10, "Free email domain (gmail.com)"]


WORDS = [
    "Demographic", "Behavioral", "Negative", "Threshold", "MQL", "Job Title", "Company Size", "Industry",
    "VP, Director", "50-200", "200+", "< 10", "50", "Opened email", "3+ visits in 7 days", "No activity in 30 days",
    "yes", "is known", "other", "not gmail.com", "half-life 14 days", "per click, max 3", "Total", "Points",
    "MQL threshold 100", ">=65", "Student, intern", "012", "true", "null", "~", "1e5", "2024-01-01", "not", "[", "}}",
    "{{x: 1}}", "# no", "- a: b", '"', "%TAG", "*/", "=1+1", "&a", "!!int", "a #b", "Webinar\nattended", "\ufffe",
    "\x85", "1_000", "É" * 90, *NAMES,
]  # fmt: skip
POINTS = [
    "+10", "-5", "(5)", "10 each, max 30", "5 per visit", "?", "Disqualify", "Auto MQL", "", "100", ">=65", "0.0001",
    "9999999", "1,000", "0", "20 points", "10 (half-life 14 days)", "5 per week",
]  # fmt: skip
cells = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8"), max_size=8)
cells |= st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
categories = st.sampled_from(["Demographic", "Behavioral", "Negative", "Hand raise", "", "Threshold"]) | cells
lines = st.tuples(categories, cells, cells, st.sampled_from(POINTS) | cells, st.just("") | cells).map(list)


@st.composite
def sheets(draw):
    more = draw(st.sampled_from(["Max", "Decay", "Window (days)", "Odd", "Notes"]))
    rows = [[*HEADER, more], [*ONE_RULE, ""], *draw(st.lists(lines, min_size=1, max_size=12))]
    order = draw(st.permutations(range(5)))
    above = draw(st.lists(st.lists(cells, max_size=2), max_size=2))
    return written([*above, *([row[place] for place in order] for row in rows)], draw(st.sampled_from(",;\t")))


@given(sheets())
def test_any_sheet_gives_a_valid_rulebook_and_loses_no_row(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode())
    try:
        made = read_scoring_sheet(path)
    except ls.ContractError:
        reject()  # where what stands above makes the one sure rule unclear
    book, count = ls.Rulebook.from_yaml(made.rulebook.to_yaml()), made.counts
    book.check()
    assert sum(count.values()) == len(made.entries)
    alone = [one for one in book.fit if not one.cases]
    assert (len(alone), len(book.behaviour), len(book.qualify.never)) == (
        count["fit"],
        count["behaviour"],
        count["never"],
    )
    assert sum(len(one.cases or ()) for one in book.fit) == count["case"]
    comments = [line.strip() for line in book.to_yaml().split("\n") if line.lstrip().startswith("#")]
    for entry in made.entries:
        marked = "TODO " if entry.became == "todo" else ""
        assert any(line.startswith(f"# {marked}{entry.row.place}: ") for line in comments)
    assert sum(line.startswith("# TODO ") for line in comments) == count["todo"] == len(made.unclear)
    assert book.edited({"qualify.threshold": book.qualify.threshold - 1}).to_yaml().count("\n") == book.to_yaml().count(
        "\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_hostile_cells_stay_text(made, name):
    sheet = made([HEADER, ONE_RULE, ["Behavioral", name, "", "5"], ["Demographic", "Industry", name, "5"], [name] * 4])
    assert len(sheet.entries) == 5
    assert all(line.isprintable() for line in sheet.rulebook.to_yaml().split("\n"))


def test_without_a_threshold_hardly_anybody_qualifies_before_it_is_agreed(made):
    sheet = made([HEADER, ONE_RULE])
    assert sheet.rulebook.qualify.threshold == 20
    assert "names no threshold" in sheet.assumed
    assert made([HEADER, ONE_RULE, ["Threshold", "MQL", "", "15"]]).assumed == ""


def test_a_threshold_that_nobody_can_reach_is_a_question(made):
    sheet = made([HEADER, ONE_RULE, ["Threshold", "MQL", "", "50"]])
    assert (sheet.rulebook.qualify.threshold, sheet.counts["todo"]) == (20, 1)
    assert "at most 20" in sheet.entries[-1].note


def test_of_several_thresholds_that_of_the_mql_counts(made):
    both = [["Threshold", "SQL", "", "18"], ["Threshold", "MQL", "", "15"]]
    sheet = made([HEADER, ONE_RULE, *both])
    assert (sheet.rulebook.qualify.threshold, sheet.counts["threshold"], sheet.counts["todo"]) == (15, 1, 1)
    unclear = made([HEADER, ONE_RULE, ["Threshold", "A", "", "18"], ["Threshold", "B", "", "15"]])
    assert (unclear.rulebook.qualify.threshold, unclear.counts["todo"]) == (20, 2)


@pytest.mark.parametrize("cell", [">=15", "15+", "15 points", "15"])
def test_a_threshold_as_it_is_written(made, cell):
    assert made([HEADER, ONE_RULE, ["Threshold", "", "", cell]]).rulebook.qualify.threshold == 15
    assert made([HEADER, ONE_RULE, [f"MQL threshold {cell}"]]).rulebook.qualify.threshold == 15


def test_points_above_0_in_a_part_that_takes_away_are_a_question(made):
    part = ["Negative", "Unsubscribed"]
    assert made([HEADER, ONE_RULE, [*part, "", "20"]]).counts["todo"] == 1
    assert made([HEADER, ONE_RULE, [*part, "", "-20"]]).counts["todo"] == 0


def test_ranges_that_overlap_are_a_question_unless_they_are_steps(made):
    def counts(*ranges):
        return made([HEADER, ONE_RULE, *(["Fit", "Size", one, "5"] for one in ranges)]).counts

    assert counts("50+", "200+", "1000+")["todo"] == 0
    assert counts("< 10", "< 50")["todo"] == 0
    assert counts("50-200", "200-500")["todo"] == 0
    assert counts("50-200", "100-500")["todo"] == 1
    assert counts("50+", "100-200")["todo"] == 1


def test_titles_that_have_the_words_of_another_row_are_a_question(made):
    def todo(*titles):
        sheet = made([HEADER, ONE_RULE, *(["Fit", "Title", title, "5"] for title in titles)])
        return [entry.note for entry in sheet.entries if entry.became == "todo"]

    assert todo("Marketing Manager", "Manager, Head") == ["line 3 gives points for the same: on top, or instead?"]
    assert len(todo("VP", "Assistant to the VP")) == 1
    assert todo("CTO", "Director") == todo("Student", "not Student") == []


def test_a_title_has_one_entry_however_many_of_its_words_are_listed(made):
    rows = {"Manager": "5", "other": "1", "VP, Director": "10", "Student, intern": "-15", "known": "2"}
    sheet = made([HEADER, *(["Fit", "Title", criteria, points] for criteria, points in rows.items())])
    assert sheet.counts == {"heading": 1, "case": 4, "fit": 1}
    title, known = sheet.rulebook.fit
    assert (title.name, known.cases) == ("Title", None)
    assert [case.name for case in title.cases] == ["Student, intern", "VP, Director", "Manager", "other"]
    other = "# line 3: Fit | Title | other | 1\n      - name: other\n        when: {title: {known: true}}\n"
    assert f"      {other}" in sheet.rulebook.to_yaml()
    titles = ["Director & General Manager", "Intern of the VP", "Analyst", None]
    scored = [ls.score_one({"title": title}, [], sheet.rulebook, as_of="2026-03-31")["fit"] for title in titles]
    assert scored == [12, -13, 3, 0]


def test_what_a_title_is_not_comes_on_top(made):
    rows = [["Fit", "Title", "VP", "10"], ["Fit", "Title", "not Student", "5"]]
    assert made([HEADER, *rows]).counts == {"heading": 1, "fit": 2}


def test_a_cap_is_of_points_or_of_times(made):
    def at_most(points, criteria=""):
        return rule(made([HEADER, ONE_RULE, ["Behavioral", "Email click", criteria, points]]), 3)

    assert at_most("5 each, max 20")["at_most"] == 20
    assert at_most("5", "per click, max 3 times")["at_most"] == 15
    assert at_most("-5 each, max -20")["at_least"] == -20
    assert "points, or" in at_most("5", "per click, max 10")


def test_columns_that_say_how_points_count(made):
    header = ["Category", "Activity", "Points", "Max points", "Half-life (days)", "Frequency", "Colour"]
    sheet = made([header, ["Behavioral", "Visit", "5", "20", "14", "per visit", "red"], ["Fit", "Country: US", "9"]])
    assert rule(sheet, 2) == {"event": "visit", "points": 5, "at_most": 20, "count": "each", "half_life_days": 14}
    assert any("'Colour' is not read" in note for note in sheet.notes)
    unclear = made([header, ["Behavioral", "Visit", "5", "some"], ["Fit", "Country: US", "9"]])
    assert "Max points" in rule(unclear, 2)


def test_what_disqualifies_and_what_qualifies_at_once(made):
    never = ["Disqualifiers", "Email domain: rival.example", "", ""]
    once = ["Hand raise", "Requested demo", "", "10"]
    book = made([HEADER, ONE_RULE, never, once]).rulebook
    assert book.qualify.never[0].when.tests["email_domain"].in_ == ("rival.example",)
    assert (book.qualify.hand_raise[0].event, book.behaviour[0].points) == (("requested_demo",), 10)
    asked = ["Behavioral", "Requested demo", "", "10"]
    assert "  # hand_raise: {event: [requested_demo]}\n" in made([HEADER, ONE_RULE, asked]).rulebook.to_yaml()
    assert "# hand_raise" not in made([HEADER, ONE_RULE, once, asked]).rulebook.to_yaml()


def test_hand_raises_share_one_period(made):
    demo, call = ["Behavioral", "Demo (last 30 days)", "", "MQL"], ["Behavioral", "Call (last 7 days)", "", "MQL"]
    assert made([HEADER, ONE_RULE, demo, call]).counts["todo"] == 1
    assert made([HEADER, ONE_RULE, demo, demo]).rulebook.qualify.hand_raise[0].within_days == 30


@pytest.mark.parametrize("row", [["Fit", "Minimum fit score"], ["Behavioral", "Maximum engagement"], ["", "Score cap"]])
def test_limits_of_a_whole_part_are_questions(made, row):
    sheet = made([HEADER, ONE_RULE, [*row, "", "30"]])
    assert "minimum_fit" in rule(sheet, 3)


def test_german_sheets_with_semicolons(made):
    sheet = made(
        "Kategorie;Merkmal;Bedingung;Punkte\nFirmografisch;Mitarbeiter;ab 1.000;7,5\n"
        "Verhalten;Whitepaper heruntergeladen;;5 je Download, max. 15\nSchwellenwert;;;10\n"
    )
    assert rule(sheet, 2) == {"when": {"mitarbeiter": {"at_least": 1000}}, "points": 7.5}
    assert (rule(sheet, 3)["at_most"], sheet.counts["todo"]) == (15, 0)


def test_other_encodings_are_read_and_said(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_bytes("Attribute,Criteria,Points\nStraße: Süd,,5\nLand: Österreich,,9\n".encode("cp1252"))
    made = read_scoring_sheet(path)
    assert made.rulebook.fit[-1].when.tests["land"].in_ == ("Österreich",)
    assert any("cp1252" in note for note in made.notes)


def test_a_workbook_is_read_sheet_by_sheet(tmp_path):
    fit = [["Attribute", "Criteria", "Points"], ["Company size", "50-200", 10]]
    deeds = [["Activity", "Points"], ["Visit", -5], ["MQL threshold", 8]]
    path = write_xlsx(
        tmp_path / "model.xlsx", {"Fit": fit, "Behaviour": deeds, "Empty": [], "Old": fit}, hidden={"Old"}
    )
    made = read_scoring_sheet(path)
    assert (made.counts["fit"], made.counts["behaviour"], made.rulebook.qualify.threshold) == (1, 1, 8)
    assert made.entries[1].row.place == "sheet 'Fit' line 2"
    assert "the sheet 'Old' is hidden, and not read" in made.notes


def test_a_workbook_that_would_fill_the_memory_is_refused(tmp_path):
    rows = [["Attribute", "Points"], ["Country: US", 5]]
    path = write_xlsx(tmp_path / "model.xlsx", {"Fit": [[*[""] * 16_000, "x"]], "Rows": rows}, first_row=1_000_000)
    with pytest.raises(ls.ContractError, match="far from the table"):
        read_scoring_sheet(path)


def test_a_sheet_that_gives_no_points_is_refused_with_each_reason(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("Category,Attribute,Points\nFit,Country: US,?\nFit,Country: CA,-5\n")
    with pytest.raises(ls.ContractError, match=r"gives a lead points\n  line 2: .*not a number"):
        read_scoring_sheet(path)


@pytest.mark.parametrize("piece", ["x ", "9 visits ", "1,", "(", " and ", "per ", "'a' or "])
def test_cells_of_any_length_are_read_at_once(made, piece):
    long = (piece * 20_000)[:30_000]
    sheet = made([HEADER, ONE_RULE, ["Fit", "Title", long, "5"], [long, "Visit", "", "5"], ["Deeds", "a", "b", long]])
    assert sheet.counts["todo"] == 3


def test_rows_of_one_name_have_names_of_their_own(made):
    sheet = made([HEADER, ONE_RULE, ["Fit", "a: US", "", "5"], ["Fit", "a", "US", "5"], ["Fit", "a", "CA", "5"]])
    names = [one.name for one in sheet.rulebook.fit]
    assert len(names) == len({*names})


def test_no_comment_passes_for_a_rule(made):
    sheet = made([HEADER, ONE_RULE, ["Fit", "x\n  - name: y", "?\u2028z", "5"]])
    assert re.findall("^.*name: y.*$", sheet.rulebook.to_yaml(), re.MULTILINE)[0].startswith("  # TODO line 3: ")
