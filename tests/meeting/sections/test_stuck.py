"""The section on where deals get stuck: its figures are those of the library, and no trait is named by chance."""

import pandas as pd
import pytest

import leadscore as ls
from leadscore.datasets.company import make_company
from leadscore.meeting.drafts import Asked, Draft, Silent
from leadscore.meeting.sections import stuck
from leadscore.present.page import COUNTED
from leadscore.sales.facts import Facts

PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
BOOK = ls.Rulebook.from_yaml("{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}}")


@pytest.fixture(scope="module")
def world():
    made = make_company(12_000, random_state=5)
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=made.rulebook)
    return tables, made.rulebook


def written(tables, rulebook, *, clear=False):
    draft = stuck.draft(Facts.of("review", tables, rulebook, **PERIOD), Asked())
    assert isinstance(draft, Draft)
    return draft, draft.write(lambda _: clear)


def test_the_figures_are_those_of_the_library(world):
    found = ls.sales.stuck(world[0])
    _, page = written(*world)
    older = found.frame["older"].fillna(0)
    assert page.section.verdict == COUNTED
    assert page.section.headline.startswith(f"{int(older.sum())} leads and deals are older than usual")
    assert f"“{older.idxmax()}” ({int(older.max())} of {found.frame['open'][older.idxmax()]})" in page.section.headline
    assert [(row[0], row[1]) for row in page.section.tables[0].rows] == [
        (stage, f"{count:,}") for stage, count in found.frame["open"].items()
    ]
    for ages, (_, row) in zip(page.section.picture.rows, found.frame.iterrows(), strict=True):
        assert len(ages.days) == min(row["open"], 40)
        assert list(ages.days) == sorted(ages.days)
        mine = found.cases.loc[found.cases["stage"] == ages.label, "days"]
        if len(mine):
            assert (ages.days[0], ages.days[-1]) == (mine.min(), mine.max())


def test_a_trait_is_named_only_where_it_is_clear(world):
    draft, page = written(*world)
    assert [one.name for one in draft.comparisons] == ["stuck: won against lost"]
    assert page.section.text[-1].endswith("No trait clearly sets won deals apart from lost ones.")
    assert not [point for _, point in page.main if point.verdict == "Clear"]
    _, sure = written(*world, clear=True)
    assert sure.main[0][1].headline.startswith("Won against lost: ")


def tables_of(rows):
    outcomes = pd.DataFrame(rows, columns=["lead_id", "stage", "at"])
    ids = pd.DataFrame({"lead_id": sorted(set(outcomes["lead_id"]))})
    return ls.load_tables(ids, None, outcomes, rulebook=BOOK, observed_until="2026-03-31")


def test_few_and_none_are_said():
    draft, page = written(
        tables_of([("a", "mql", "2026-03-02"), ("a", "sal", "2026-03-03"), ("b", "mql", "2026-03-04")]), BOOK
    )
    assert draft.comparisons == ()
    assert page.section.headline == "2 leads and deals are open; which age is usual is not known yet."
    assert page.section.text[-1] == (
        "Won against lost: No deal has closed that was opened long enough ago to compare won with lost."
    )
    silent = stuck.draft(Facts.of("review", tables_of([("a", "lead", "2026-01-02")]), BOOK, **PERIOD), Asked())
    assert isinstance(silent, Silent)


@pytest.mark.parametrize(
    ("days", "said"),
    [(0.0, "0 days"), (0.5, "12 h"), (1.0, "1 day"), (1.04, "1 day"), (9.66, "9.7 days"), (126.0, "126 days")],
)
def test_days_are_written_as_people_say_them(days, said):
    assert stuck.in_days(days) == said
