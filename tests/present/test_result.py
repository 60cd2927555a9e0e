"""Results are shown in one way, and names in them read as they stand, whatever they hold."""

import datetime as dt
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadscore.errors import visible
from leadscore.present.markdown import bullets, escaped, table
from leadscore.present.result import Result, Section
from tests.support.hostile import NAMES, UNSEEN, check_renderings, names, parsed


@dataclass(frozen=True, eq=False, repr=False)
class Made(Result):
    """A result of one frame."""

    headline: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    day: dt.date = dt.date(2026, 3, 31)
    share: float = float("nan")
    points: object = None
    title: str = "Rows"
    inner: Result | None = None

    def sections(self):
        yield Section("frame", self.title, self.frame, notes=("of the rows",), formats={"lift": ".2f"})
        if self.inner is not None:
            yield Section("inner", "A result in it", self.inner)


def made(name, other):
    frame = pd.DataFrame({name: [1], f"{name}2": [other], "share": [0.5]}, index=pd.Index([name], name=other))
    return Made(f"1 lead is {name!r} or {name}.", frame, (f"{name} and {other}", name), title=name)


@given(names, names)
def test_names_read_as_they_stand(name, other):
    result = made(name, f"{other}!")
    data = check_renderings(Made(name, result.frame, inner=result, title=other))
    assert data["frame"][0][f"{name}2"] == f"{other}!"


@pytest.mark.parametrize("name", NAMES)
def test_html_shows_the_name_itself(name):
    assert visible(name) in parsed(made(name, "x")._repr_html_()).text


def test_a_raw_name_is_seen_by_the_check():
    class Raw(Made):
        def _repr_html_(self):
            return self.headline

    with pytest.raises(AssertionError):
        check_renderings(Raw("<script>alert(1)</script>", pd.DataFrame()))


@given(st.text(st.characters(codec="utf-8")))
def test_what_cannot_be_seen_is_written_as_its_code(text):
    assert not UNSEEN & set(visible(text))
    assert visible(visible(text)) == visible(text)


FRAME = pd.DataFrame(
    {
        "n": [1200, 0],
        "share": [0.125, np.nan],
        "low": [0.1, np.nan],
        "high": [0.15, np.nan],
        "lift": [2.0, 1.0],
        "lift_low": [1.5, np.nan],
        "lift_high": [2.5, np.nan],
        "since": pd.to_datetime(["2026-03-01", None]),
        "mature": [True, False],
    },
    index=pd.Index(["web", "list"], name="source"),
)


def test_an_interval_stands_behind_its_figure():
    shown = Made("2 sources.", FRAME, ("believe it",))
    assert repr(shown).splitlines() == [
        "2 sources.",
        "",
        "Rows:",
        "  source      n     share (low to high)   lift (low to high)  since       mature",
        "  web     1,200  12.5% (10.0% to 15.0%)  2.00 (1.50 to 2.50)  2026-03-01  yes",
        "  list        0                                         1.00              no",
        "  - of the rows",
        "",
        "- believe it",
    ]
    assert "| web | 1,200 | 12.5% (10.0% to 15.0%) | 2.00 (1.50 to 2.50) | 2026-03-01 | yes |" in shown.to_markdown()


def test_json_has_facts_and_every_row_in_full():
    data = json.loads(Made("2 sources.", FRAME).to_json())
    assert (data["day"], data["share"]) == ("2026-03-31", None)
    several = {"Home": (1.5, float("nan")), 5: [dt.date(2026, 3, 31)]}
    assert Made("2 sources.", FRAME, points=several).to_dict()["points"] == {"Home": [1.5, None], "5": ["2026-03-31"]}
    assert "points" not in Made("2 sources.", FRAME, points=(1, object())).to_dict()
    assert data["frame"][0] == {
        "source": "web",
        "n": 1200,
        "share": 0.125,
        "low": 0.1,
        "high": 0.15,
        "lift": 2.0,
        "lift_low": 1.5,
        "lift_high": 2.5,
        "since": "2026-03-01T00:00:00",
        "mature": True,
    }
    assert data["frame"][1]["share"] is None


def test_rows_left_out_are_counted():
    frame = pd.DataFrame({"n": range(100)})
    shown = Made("100 rows.", frame)
    for text in (repr(shown), shown._repr_html_(), shown.to_markdown()):
        assert "60 more rows in" in text
    assert len(json.loads(shown.to_json())["frame"]) == 100
    assert "more rows" not in repr(Made("40 rows.", frame.head(40)))


def test_a_section_of_which_no_row_is_shown_is_in_json_only():
    class Partly(Made):
        def sections(self):
            yield Section("frame", "Left out", self.frame, shown=self.frame[self.frame["n"] > self.share])

    nobody, some = Partly("A line.", FRAME, share=1e9), Partly("A line.", FRAME, share=0)
    assert repr(nobody) == "A line."
    for none, one in ((nobody.to_markdown(), some.to_markdown()), (nobody._repr_html_(), some._repr_html_())):
        assert "Left out" not in none
        assert "Left out" in one
    assert len(json.loads(nobody.to_json())["frame"]) == 2


def test_a_section_of_notes_alone_is_a_list():
    class Said(Made):
        def sections(self):
            yield Section("steps", "What to do", notes=("Call.", "Wait."))

    shown = Said("2 steps.", FRAME)
    assert repr(shown).splitlines() == ["2 steps.", "", "What to do", "  - Call.", "  - Wait."]
    assert json.loads(shown.to_json())["steps"] == ["Call.", "Wait."]


def test_a_picture_stands_in_the_page_only():
    class Drawn(Made):
        def sections(self):
            from leadscore.present.pictures import axes_of  # noqa: PLC0415 - matplotlib takes long to import

            yield Section("picture", 'A "picture"', axes_of)

    drawn = Drawn("A line.", FRAME)
    page = parsed(drawn._repr_html_())
    assert ("img", "src") in page.attributes
    assert repr(drawn) == "A line."
    assert "picture" not in drawn.to_dict()


def test_text_at_the_start_of_an_item_starts_no_list():
    assert bullets(["- a", "12. b", "# c", "> d", "+ e"]) == "- \\- a\n- 12\\. b\n- \\# c\n- \\> d\n- \\+ e"
    assert escaped("a_b _c_") == "a_b \\_c\\_"
    assert table(["a|b"], [["<i>"]]) == "| a\\|b |\n| --- |\n| \\<i> |"
