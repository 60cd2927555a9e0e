"""Scores of accounts, and several scores side by side, on the command line."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.test_cli import AS_OF, run

TEXT = """
leadscore: 2
name: analytics
behaviour:
  - {name: Pages, event: page_view, where: {product: analytics}, points: 10}
  - {name: Won before, when: {did: {stage: won}}, points: 5}
qualify: {threshold: 10}
account:
  id: account_id
  rules: [{name: All they did, sum: behaviour, at_most: 25}]
  threshold: 20
"""
FILES = ("--leads", "l.csv", "--events", "e.csv", "--outcomes", "o.csv")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(TEXT, encoding="utf-8")
    other = TEXT.replace("analytics", "storage").split("account:")[0]
    Path("s.yaml").write_text(other, encoding="utf-8")
    Path("l.csv").write_text("lead_id,account_id\na,Acme\nb,acme\nc,\n", encoding="utf-8")
    events = "a,page_view,2026-03-30,analytics\na,page_view,2026-03-29,analytics\nb,page_view,2026-03-30,storage\n"
    Path("e.csv").write_text("lead_id,event,at,product\n" + events, encoding="utf-8")
    Path("o.csv").write_text("lead_id,stage,at\nb,won,2026-03-02\n", encoding="utf-8")
    return tmp_path


def test_accounts_are_a_table_of_their_own():
    done = run("score", "r.yaml", *FILES, *AS_OF, "--out", "s.csv", "--account-scores", "a.csv")
    assert done.exit_code == 0
    assert "1 of 1 account (100.0%) qualify on 2026-03-31 by 'analytics'." in done.output
    found = pd.read_csv("a.csv")
    assert found[["account_id", "people", "score", "qualified"]].values.tolist() == [["Acme", 2, 25, True]]
    assert found["points: All they did"].tolist() == [25]


def test_an_account_is_explained_person_by_person():
    done = run("explain", "r.yaml", "ACME", "--account", *FILES, *AS_OF)
    assert "Acme on 2026-03-31: 25 points from 2 people, threshold 20: qualified" in done.output
    assert "a: fit 0 + behaviour 20" in done.output


def test_several_rulebooks_give_several_scores():
    done = run("score", "r.yaml", "s.yaml", *FILES, *AS_OF, "--out", "s.csv")
    assert done.exit_code == 0
    assert "2 of 3 leads qualify on 2026-03-31 by one of 2 scores." in done.output
    found = pd.read_csv("s.csv").set_index("lead_id")
    assert found["analytics.total"].to_dict() == {"a": 20, "b": 5, "c": 0}
    assert found["storage.total"].to_dict() == {"a": 0, "b": 15, "c": 0}
    summed = json.loads(run("score", "r.yaml", "s.yaml", *FILES, *AS_OF, "--out", "s.csv", "--format", "json").stdout)
    assert summed["headline"] == "2 of 3 leads qualify on 2026-03-31 by one of 2 scores."


def test_without_an_account_there_is_nothing_to_write():
    done = run("score", "s.yaml", *FILES, *AS_OF, "--out", "s.csv", "--account-scores", "a.csv")
    assert done.exit_code == 2
    assert "none of the rulebooks has an 'account'" in done.output
    assert not Path("s.csv").exists()


def test_stages_need_outcomes():
    done = run("score", "r.yaml", *FILES[:4], *AS_OF, "--out", "s.csv")
    assert done.exit_code == 1
    assert "'analytics' asks for stages" in done.output
