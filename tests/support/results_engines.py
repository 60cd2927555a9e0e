"""Results of `leadscore.engines` in which lead ids, rules, segments and rulebooks have the names given."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

import leadscore as ls
from leadscore.engines.sql.scored import ScoredInDatabase
from tests.support.results_scoring import PERIOD, worlds


def _made(one, other, make):
    tables, book, *_ = worlds(one, other)
    with tempfile.TemporaryDirectory() as folder:
        leads = Path(folder, "leads.parquet")
        pa.parquet.write_table(tables.leads, leads)
        return make(leads, rulebook=book, out=Path(folder, "out"), buckets=2, threads=1)


def _there(one, other):
    tables, book, *_ = worlds(one, other)
    scores = ls.score(tables, book, as_of="2026-03-31")
    return ScoredInDatabase(book, scores.as_of, scores.frame, None, {"events": 2})


RESULTS = {
    "ScoredInDatabase": _there,
    "ScoredFiles": lambda *names: _made(
        *names, lambda *files, **how: ls.score_files(*files, as_of="2026-03-31", **how)
    ),
    "ReplayedFiles": lambda *names: _made(*names, lambda *files, **how: ls.replay_files(*files, **PERIOD, **how)),
}
