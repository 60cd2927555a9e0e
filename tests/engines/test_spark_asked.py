"""What `score_spark` and `replay_spark` say of their arguments; nothing here needs Spark."""

import sys

import pandas as pd
import pytest

import leadscore as ls

BOOK = ls.Rulebook.from_yaml("{leadscore: 1, name: x, qualify: {threshold: 0}}")
LEADS = pd.DataFrame({"lead_id": ["a"]})


@pytest.fixture
def without_spark(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)


@pytest.mark.usefixtures("without_spark")
def test_without_spark_it_says_what_to_install():
    with pytest.raises(ls.ArgumentError, match=r"Spark is not there: pip install 'leadscore\[spark\]'"):
        ls.score_spark(LEADS, LEADS, BOOK, as_of="2026-03-31")


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ls.ArgumentError) as error:
        ls.score_spark(LEADS, LEADS, "book.yaml", as_of="yesterday", buckets=0)
    assert {"leads", "rulebook", "as_of", "buckets"} <= {problem.where for problem in error.value.problems}
    with pytest.raises(ls.ArgumentError) as error:
        ls.replay_spark(LEADS, LEADS, BOOK, start="2026-03-31", end="2026-03-01", buckets=2.5)
    assert {"leads", "end", "buckets"} <= {problem.where for problem in error.value.problems}
    assert "must be a Spark DataFrame" in str(error.value)
