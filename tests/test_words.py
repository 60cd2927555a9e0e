"""Plain English, plurals too: what reads as translated stands in no text of the package, its pages and notebooks."""

import ast
import re
from pathlib import Path

import pandas as pd
import pytest

import leadscore as ls
from leadscore import stats
from leadscore.learn import guards
from tests.support.every_result import RESULTS

ROOT = Path(__file__).parents[1]
INSTEAD = {
    r"to blame\b": "what caused it",
    r"hangs? together": "neighbouring weeks are alike (autocorrelated)",
    r"lets? expect": "predicts",
    r"foretold|foretell": "predicted",
    r"none that can be meant|cannot be meant": "an invalid argument",
    r"weeks are exchangeable": "provided ordinary weeks are alike",
    r"c[oa]mes? to qualify": "qualified",
    r"no longer (as|what) (it|they) (was|were)": "what has changed",
    r"fewer since|more since": "fell, rose",
    r"surely (brings|beats|better)": "brings more: the interval excludes 0",
    r"bears? (the rules|them|it|rules) out|bear out": "results support the rules",
    r"told from none": "could be no change at all",
    r"the bound is not claimed": "the false-alarm rate cannot be guaranteed",
    r"know(s)? no season": "cannot show seasons",
    r"worths are by": "assumes ...",
    r"are over by\b": "have passed",
    r"data is too little": "there is too little data",
    # Above and below the bar is what the teams say; it is the threshold of the rulebook.
    r"\busual bars\b": "threshold, level",
    r"\b(stands?|is|are) twice\b": "is repeated",
    r"says nothing without": "has no effect without",
    r"cannot be told(?! apart)": "cannot be detected, is not known",
    r"(?<!there )\b(is|are) no (table|folder|stage|numbers?|text|plain|quantity|share|rate|date|ISO)\b": "is not a",
    r"\banew\b": "again",
    r"the surest first": "most certain first",
    r"beside the [\d,{][^ ]* there (is|are)": "on top of 58 now",
}
FORBIDDEN = re.compile("|".join(f"(?:{phrase})" for phrase in INSTEAD), re.IGNORECASE)


def texts():
    """Every text with its place: strings and docstrings of the package, pages, notebooks."""
    for path in sorted(Path(ls.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    pages = [page for page in pages if "_build" not in page.parts and page.parent != ROOT / "docs" / "notebooks"]
    for path in [*pages, *Path(ls.__file__).parent.rglob("*.md")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def test_no_text_reads_as_translated():
    found = [f"{place}: {hit[0]!r}" for place, text in texts() for hit in FORBIDDEN.finditer(" ".join(text.split()))]
    assert found == []


@pytest.mark.parametrize("phrase", ["who is to blame", "the scores let expect", "its usual bars"])
def test_what_reads_as_translated_is_seen(phrase):
    assert FORBIDDEN.search(phrase)


THINGS = (
    "leads|rows|weeks|days|months|rules|columns|values|events|outcomes|segments|groups|figures|streams|features|labels|"
    "known outcomes|MQLs|periods|bins|files|numbers|distinct values|cohorts|findings|problems"
)
# Not the end of a decimal or of a larger number; what counts more than one is right to be many.
ONE_OF_MANY = re.compile(rf"(?<![\d.,:/-])1 (?:{THINGS})\b")


@pytest.mark.parametrize("name", RESULTS)
def test_no_result_counts_one_as_many(name):
    assert ONE_OF_MANY.findall(RESULTS[name]("north", "south").to_markdown()) == []


ONE_LEAD = pd.DataFrame({"lead_id": ["a"]})
ONE_EVENT = pd.DataFrame({"lead_id": ["a"], "event": ["visit"], "at": ["2026-03-01"]})
ONE_OUTCOME = pd.DataFrame({"lead_id": ["a"], "stage": ["won"], "at": ["2026-03-01"]})
ON_AMOUNT = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, fit: [], behaviour: [{name: v, event: visit, where: {amount: {at_least: 1}}, "
    "points: 1}], qualify: {threshold: 1}}"
)
ONE_FAULT = {
    "lead without id": lambda: ls.load_tables(pd.DataFrame({"lead_id": ["a", None]})),
    "column twice": lambda: ls.load_tables(pd.DataFrame([["a", "b", "c"]], columns=["lead_id", "x", "x"])),
    "event of nobody": lambda: ls.load_tables(ONE_LEAD, ONE_EVENT.assign(lead_id="b")),
    "event without time": lambda: ls.load_tables(ONE_LEAD, ONE_EVENT.assign(at=None)),
    "event at no time": lambda: ls.load_tables(ONE_LEAD, ONE_EVENT.assign(at="soon")),
    "amount in words": lambda: ls.load_tables(ONE_LEAD, ONE_EVENT.assign(amount="many"), rulebook=ON_AMOUNT),
    "unknown stage": lambda: ls.load_tables(ONE_LEAD, None, ONE_OUTCOME.assign(stage="Won!")),
    "outcome of nobody": lambda: ls.load_tables(ONE_LEAD, None, ONE_OUTCOME.assign(lead_id="b")),
    "late outcome": lambda: ls.load_tables(ONE_LEAD, None, ONE_OUTCOME, observed_until="2026-02-01"),
    "no activity of a bot": lambda: ls.flag_bots(ONE_EVENT.assign(event=None)),
    "score missing": lambda: stats.roc_auc([True, False], [1, None]),
    "score twice": lambda: stats.roc_auc(pd.Series([True, False], ["a", "b"]), pd.Series([1, 2, 3], ["a", "a", "b"])),
    "score of other leads": lambda: stats.roc_auc([True], [1, 2]),
    "duration below 0": lambda: stats.kaplan_meier([-1], [True]),
    "outcome that is none": lambda: stats.roc_auc(["perhaps"], [1]),
    "chance above 1": lambda: stats.brier([True], [2]),
    "threshold without outcome": lambda: ls.threshold_table([None], [1]),
    "lead unknown": lambda: ls.load_tables(ONE_LEAD).position("b"),
    "column missing today": lambda: guards(ONE_LEAD, [True], now=pd.DataFrame({"x": [1]})),
    "rows without outcome": lambda: guards(pd.DataFrame({"x": [1]}), [None]),
    "no column": lambda: guards(pd.DataFrame(index=[0]), [True]),
    "infinite number": lambda: ls.LeadClassifier().fit(pd.DataFrame({"x": [1, float("inf")]}), [True, False]),
}


@pytest.mark.parametrize("fault", ONE_FAULT)
def test_no_message_counts_one_as_many(fault):
    with pytest.raises((ls.LeadscoreError, ValueError)) as caught:
        ONE_FAULT[fault]()
    assert ONE_OF_MANY.findall(str(caught.value)) == []


@pytest.mark.parametrize("text", ["1 leads", "by 1 rows", "(1 known outcomes)", "1 column, 1 values"])
def test_one_as_many_is_seen(text):
    assert ONE_OF_MANY.search(text)


@pytest.mark.parametrize("text", ["1 lead", "0.1 leads", "21 leads", "2,001 rows", "1 row of 1,200 rows", "0 to 1"])
def test_what_is_right_is_left(text):
    assert not ONE_OF_MANY.search(text)
