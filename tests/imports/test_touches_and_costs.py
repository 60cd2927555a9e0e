"""Touches and costs from a data file: of whom, of which month, and every row accounted for."""

import pandas as pd
import pytest

import leadscore as ls

TEXT = """
data: 1
timezone: Europe/Berlin
sources:
  people: {columns: {Created: {type: time}}}
  members: {columns: {When: {type: time, format: "%d.%m.%Y %H:%M"}}}
  spend: {}
leads: {people: {from: people, lead_id: Id, created_at: Created, columns: {email: Mail}}}
touches:
  fairs: {from: members, lead_id: {column: Mail, kind: email}, at: When, channel: {value: Trade show}, campaign: Name}
costs:
  ads: {from: spend, channel: Channel, month: Month, amount: Cost, currency: {value: EUR}}
identity: {aliases: {mail: {from: people, alias: Mail, kind: email, lead_id: Id}}}
"""
SOURCES = {
    "people": pd.DataFrame({"Id": ["1", "2"], "Created": "2026-01-05", "Mail": ["a@x.example", "b@x.example"]}),
    "members": pd.DataFrame(
        {"Mail": ["a@x.example", "no@x.example"], "When": ["31.01.2026 10:00", "01.02.2026 11:00"], "Name": "Hannover"}
    ),
    "spend": pd.DataFrame(
        {"Channel": ["trade show", "Search"], "Month": ["2026-01", "2026-02"], "Cost": ["100", "7.5"]}
    ),
}


def run(text=TEXT, *, strict=True, **sources):
    return ls.imports.import_tables(ls.imports.DataFile.from_yaml(text), sources=SOURCES | sources, strict=strict)


def test_they_are_made_and_loaded():
    imported = run()
    assert imported.headline == "2 leads, 0 events, 0 outcomes, 1 touch, 2 rows of costs, from data file."
    assert imported.touches.to_pylist()[0]["at"].isoformat() == "2026-01-31T10:00:00+01:00"
    tables = ls.load_tables(imported)
    assert tables.touches[["lead_id", "channel", "campaign"]].values.tolist() == [["1", "Trade show", "Hannover"]]
    assert [str(month) for month in tables.costs["month"]] == ["2026-01", "2026-02"]
    assert tables.costs["amount"].tolist() == [100, 7.5]
    assert tables.costs["currency"].tolist() == ["EUR", "EUR"]


def test_strangers_are_counted_and_costs_are_of_nobody():
    rows = run().rows
    assert rows[rows["fate"] == "unmatched"][["table", "block", "rows"]].values.tolist() == [["touches", "fairs", 1]]
    assert rows[rows["table"] == "costs"][["fate", "rows"]].values.tolist() == [["read", 2], ["kept", 2]]
    assert "1 of 2 rows of events, outcomes and touches are of no lead here" in run().notes[0]


def test_a_table_in_hand_goes_before_that_of_the_file():
    touches = pd.DataFrame({"lead_id": ["2"], "at": ["2026-02-02T08:00:00Z"], "channel": "Web"})
    assert ls.load_tables(run(), touches=touches).touches["channel"].tolist() == ["Web"]


def test_a_cost_that_is_no_number_is_refused_with_its_place():
    spend = SOURCES["spend"].assign(Cost=["100", "1,000"])
    with pytest.raises(ls.ContractError, match=r"spend.Cost: 1 row: no number; is 'thousands' or 'decimal' to be decl"):
        run(spend=spend)
    assert run(spend=spend, strict=False).costs.num_rows == 1
    declared = TEXT.replace("spend: {}", 'spend: {columns: {Cost: {type: number, thousands: ","}}}')
    assert run(declared, spend=spend).costs["amount"].to_pylist() == [100, 1000]


def test_a_month_may_be_a_time():
    declared = TEXT.replace("spend: {}", 'spend: {columns: {Month: {type: time, format: "%m/%Y"}}}')
    spend = SOURCES["spend"].assign(Month=["01/2026", "02/2026"])
    tables = ls.load_tables(run(declared, spend=spend))
    assert [str(month) for month in tables.costs["month"]] == ["2026-01", "2026-02"]


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("amount: Cost", "amount: {value: much}", "must be a number: declare its column"),
        ("channel: Channel", "lead_id: Id, channel: Channel", "costs.ads"),
        ("at: When, ", "", "touches.fairs"),
        ("channel: {value: Trade show}", "channel: When", "'channel' cannot be a time"),
    ],
)
def test_what_cannot_be_is_said_at_its_line(wrong, right, said):
    with pytest.raises(ls.DataFileError) as error:
        run(TEXT.replace(wrong, right))
    assert said in str(error.value)
