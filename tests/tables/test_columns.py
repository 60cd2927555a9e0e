"""Which columns are kept: those of the rulebook, those that are asked for, or all of them."""

import pandas as pd

import leadscore as ls

BOOK = ls.Rulebook.from_yaml("""
leadscore: 1
name: small
fit: [{name: Home, when: {country: US}, points: 10}]
behaviour: [{name: Demo, event: demo, where: {asset: x}, points: 10}]
qualify: {threshold: 15}
""")
LEADS = pd.DataFrame({"lead_id": ["a", "b"], "country": ["US", None], "source": ["web", "list"]})
EVENTS = pd.DataFrame({"lead_id": ["a"], "event": ["demo"], "at": ["2026-03-01"], "asset": ["x"], "actor": ["sales"]})


def kept(columns):
    tables = ls.load_tables(LEADS, EVENTS, rulebook=BOOK, columns=columns)
    assert ls.score(tables, BOOK, as_of="2026-03-02").frame["total"].tolist() == [20, 0]
    return tables.leads.column_names, sorted(tables.events.values)


def test_with_a_rulebook_its_columns_are_kept_and_those_asked_for():
    assert kept(()) == (["lead_id", "country"], ["asset", "event"])
    assert kept("source") == (["lead_id", "country", "source"], ["asset", "event"])


def test_none_keeps_all_columns_of_leads_and_events():
    assert kept(None) == (["lead_id", "country", "source"], ["actor", "asset", "event"])
