"""Each vendor's sample alone: what is written for it makes the tables that were worked out by hand."""

import pandas as pd
import pytest

from leadscore.imports.build import import_tables
from leadscore.imports.data_file import DataFile
from leadscore.start.begin import begin, export_files
from tests.imports.test_samples import rows_of

pytestmark = pytest.mark.real
VENDORS = ["dynamics", "excel_de", "ga4", "hubspot", "mailchimp", "marketo", "rudderstack", "salesforce", "segment"]
VENDORS += ["warehouse_fivetran"]
# Names that users give: the samples' own mapping has others than a preset can know.
OWN = {
    "excel_de": {
        "position": "job_title", "land": "country", "branche": "industry", "mitarbeiter": "employees",
        "umsatz": "revenue",
    },
    "hubspot": {"marketing_interests": "interests"},
}  # fmt: skip
EVENTS = {"demo_requested": "demo_request", "signed_up": "signup", "video_played": "video"}


def copied(vendor, folder, target):
    """A sample without its mapping."""
    for file in sorted((folder / "exports" / vendor).iterdir()):
        if file.is_file() and file.name != "data.yaml":
            (target / file.name).write_bytes(file.read_bytes())
    return target


def answers(zone):
    """Takes the default of each question, and the zone that the sample is of."""
    asked = []

    def ask(question):
        asked.append(question)
        question.take(zone if question.at == ("timezone",) else question.default)

    ask.asked = asked
    return ask


def begun(place, zone="UTC"):
    ask = answers(zone)
    beginning = begin(export_files([place]), place, ask)
    (place / "data.yaml").write_text(beginning.data)
    (place / "rulebook.yaml").write_text(beginning.rulebook)
    return beginning, ask.asked


def agrees(vendor, folder, place, names):
    """Whether what was written makes the tables worked out by hand, but for names that users give."""
    zone = DataFile.read(folder / "exports" / vendor / "data.yaml").timezone
    _, asked = begun(place, zone)
    imported = import_tables(place / "data.yaml")
    for name in names:
        made = getattr(imported, name)
        made = made.rename_columns([OWN.get(vendor, {}).get(column, column) for column in made.column_names])
        right = pd.read_csv(folder / "exports" / vendor / "expected" / f"{name}.csv", dtype=str, keep_default_na=False)
        if "event" in right:
            rows = [(lead, EVENTS.get(event, event), *rest) for lead, event, *rest in rows_of(made, right.columns)]
        else:
            rows = rows_of(made, right.columns)
        assert sorted(rows) == sorted(map(tuple, right.to_numpy().tolist())), name
    return asked


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_sample_alone_gives_the_tables_worked_out_by_hand(folder, tmp_path, vendor):
    asked = agrees(vendor, folder, copied(vendor, folder, tmp_path), ["leads", "events", "outcomes"])
    assert len(asked) <= 5
