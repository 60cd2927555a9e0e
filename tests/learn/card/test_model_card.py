"""Model cards: what they say, and that no name or value in them is more than text."""

import re
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from leadscore.errors import visible
from leadscore.learn.card.additive import Draws
from leadscore.learn.card.classifier import LeadClassifier
from leadscore.present.markdown import escaped
from leadscore.present.result import Result
from tests.support.model_files import DATES, FRAME, MODEL, OUTCOME, copied, fitted

MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.fixture(scope="module")
def card(folder_of_models):
    MODEL.save(folder_of_models / "leads.npz", title="Leads | of 2026", notes="Ask *marketing operations*.")
    return (folder_of_models / "leads.md").read_text(encoding="utf-8")


def test_the_card_says_what_there_is_to_know(card, folder_of_models):
    digest = sha256((folder_of_models / "leads.npz").read_bytes()).hexdigest()
    n, had = len(OUTCOME), int(OUTCOME.sum())
    for said in (
        "# Leads \\| of 2026\n",
        "Ask *marketing operations*.",
        digest,
        "the outcome of a lead is True rather than False",
        f"Rows learned from: {n:,}. Left out, as their outcome is not known: 0.",
        f"Rows until {MODEL.trained_until_}.",
        f"Rows with the outcome: {had:,}, which is {had / n:.1%} (",
        f") of {n:,}; the interval is at 95 %",
        "Not run: whether a column",
        "The gate was not run",
        "| tree | onehot | 0.3 |",
        "Nothing else was tried",
    ):
        assert said in card, said
    sections = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert sections == ["Data", "What was chosen", "Guards", "Gate", "Points", "Limits", "The file"]


def rows_of(markdown):
    """The cells of all tables, as a reader sees them."""
    cells, row = [], []
    for token in MARKDOWN.parse(markdown):
        if token.type == "tr_open":
            row = []
        if token.type == "inline":
            row.append("".join(part.content for part in token.children))
        if token.type == "tr_close":
            cells.append(row)
    return cells


def test_the_card_has_the_points_card(card):
    frame = MODEL.points_card(max_points_rows=40).frame
    rows = rows_of(card.split("\n## Points")[1])
    assert len(rows) == len(frame) + 1 <= 41
    for row, (_, own) in zip(rows[1:], frame.iterrows(), strict=True):
        assert row[:2] == [" ".join(own["feature"].split()), " ".join(own["bin"].split())]
        assert row[3:5] == [f"{own['n']:,.0f}", f"{own['reached']:,.0f}"]
        assert row[2].startswith(f"{own['points']} (")
        assert "-0 " not in row[2]


def test_the_card_says_what_the_guards_found_and_what_was_tried(tmp_path):
    frame = FRAME.assign(leak=OUTCOME.astype(str))
    with pytest.warns(UserWarning, match="Left out: leak"):
        model = fitted(frame, guards="drop", dates=DATES, C=None)
    model.save(tmp_path / "m.npz")
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "Columns marked drop were left out." in card
    assert "| LS304 | drop | leak | " in card
    assert re.search("Columns given and not used: .*leak", card)
    assert "over the folds; it has no interval" in " ".join(card.split())
    assert len(rows_of(card.split("## What was chosen")[1].split("## Guards")[0])) == len(model.chosen_) + 1


@dataclass(frozen=True, eq=False, repr=False)
class Passed(Result):
    headline: str = "Publish."
    notes: tuple[str, ...] = ()


def test_the_card_has_the_verdict(tmp_path):
    MODEL.save(tmp_path / "m.npz", verdict=Passed())
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "## Gate\n\n**Publish.**\n\n## Points" in card
    assert "not run: nothing" not in card


def test_a_model_without_features_has_a_card(tmp_path):
    model = copied(MODEL)
    none = {name: np.zeros(0) for name in ("coefficients", "mass", "events")}
    one = {name: np.eye(1) for name in ("curvature", "covariance")}
    model.model_ = replace(model.model_, features=[], **none, **one)
    model.draws_ = Draws(np.zeros((200, 0)))
    model.save(tmp_path / "m.npz")
    card = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert "There is no card: there is nothing to give points for" in card
    assert "with the outcome" not in card
    other = LeadClassifier.load(tmp_path / "m.npz")
    assert other.predict_proba(FRAME).tobytes() == model.predict_proba(FRAME).tobytes()


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(text=TEXTS | st.text(alphabet="<>[]()|`*_~#\\&!:/ \nwx.@$") | st.sampled_from(["&amp;", "www.x.de", "__a__"]))
def test_any_text_reads_as_it_stands(text):
    shown = " ".join(visible(text).split())
    table = f"| a | b |\n| --- | --- |\n| x | {escaped(text)} |\n"
    assert rows_of(table) == [["a", "b"], ["x", shown]]
    line = MARKDOWN.parse(f"- **x** {escaped(text)}")
    kinds = {part.type for token in line if token.type == "inline" for part in token.children}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}


def test_the_escapes_are_needed():
    assert rows_of("| a |\n| --- |\n| <b>x</b> |\n")[1] == ["<b>x</b>"]
    line = MARKDOWN.parse("- *x* <b>")
    assert {part.type for token in line if token.type == "inline" for part in token.children} >= {"html_inline"}


def test_names_and_values_of_strangers_stay_text(tmp_path):
    hostile = "<script>alert(1)</script> [x](http://evil) | `y`\n# head"
    frame = FRAME.assign(country=FRAME["country"].replace("US", hostile)).rename(columns={"visits": hostile})
    model = fitted(frame)
    model.save(tmp_path / "m.npz", title=hostile)
    html = MARKDOWN.render((tmp_path / "m.md").read_text(encoding="utf-8"))
    assert "&lt;script&gt;" in html
    for tag in ("<script", "<a ", "<b>", "<img", "<code>y"):
        assert tag not in html.replace("<code>explained</code>", "")
    assert html.count("<h1>") == 1
