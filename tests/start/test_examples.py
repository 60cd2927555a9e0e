"""The raw exports that come with the package are as they were made, and lead to first figures."""

import pytest

from leadscore.imports.build import import_tables
from tests.start.test_samples import begun
from tests.support.raw_exports import EXAMPLES, LEADS, VENDORS, made


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_example_is_as_it_was_made(vendor):
    files = VENDORS[vendor]()
    assert {path.name: path.read_text(encoding="utf-8") for path in (EXAMPLES / vendor).iterdir()} == files
    assert max(map(len, files.values())) < 60_000


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_example_holds_what_it_was_made_of(tmp_path, vendor):
    for name, text in VENDORS[vendor]().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    _, asked = begun(tmp_path, "America/New_York")
    assert len(asked) <= 3
    imported = import_tables(tmp_path / "data.yaml")
    _, events, outcomes = made()
    assert len(imported.leads) == LEADS
    found = imported.events["event"].to_pylist()
    for event in ("demo_request", "contact_sales"):
        assert found.count(event) == (events["event"] == event).sum()
    reached = imported.outcomes["stage"].to_pylist()
    for stage in ("mql", "sql", "opportunity"):
        assert reached.count(stage) == outcomes.loc[outcomes["stage"] == stage, "lead_id"].nunique()
