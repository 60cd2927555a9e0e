"""The same exports written in other ways give the same tables, or a question; never other figures."""

import csv
import io
import json
import re
import zipfile
from datetime import UTC, datetime

import pytest

from leadscore.errors import ContractError
from leadscore.imports.build import import_tables
from leadscore.start.begin import begin, export_files
from tests.start.test_samples import VENDORS, agrees, begun, copied

pytestmark = pytest.mark.real
TABLES = ["leads", "events", "outcomes"]


def rows_of(path):
    """The cells of a CSV file, whatever its encoding and separator are."""
    data = path.read_bytes()
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    lines = text.splitlines(keepends=True)
    first = lines[0].strip()
    if first.startswith("sep="):
        return list(csv.reader(lines[1:], delimiter=first[4]))
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=","))


def written(path, rows, *, encoding="utf-8", delimiter=",", newline="\n"):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=newline).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def changed(place, change, only="*.csv", **how):
    """Rewrite the CSV files of a folder."""
    for path in sorted(place.glob(only)):
        rows = rows_of(path)
        rows = change(rows) if change else rows
        written(path, rows, **how)
    return place


def whole(rows):
    """The rows that are as wide as the header, and those below them: a foot."""
    width = len(rows[0])
    return [row for row in rows if len(row) == width], [row for row in rows if len(row) != width]


def reordered(rows):
    table, foot = whole(rows)
    order = sorted(range(len(table[0])), key=lambda place: (place * 7 + 3) % len(table[0]))
    if foot:  # what stands below a report stands in its first column
        order = [0, *(place for place in order if place)]
    return [[row[place] for place in order] for row in table] + foot


def with_extras(rows):
    """Columns that nobody asked for, two of one name among them, and blank lines."""
    table, foot = whole(rows)
    head = [*table[0], "Internal remark", "Spare", "Spare"]
    return [head, *([*row, f"remark {place}", "", ""] for place, row in enumerate(table[1:])), [], *foot]


WAYS = {
    "reordered": {"change": reordered},
    "extra and duplicate headers": {"change": with_extras},
    "BOM": {"encoding": "utf-8-sig"},
    "UTF-16": {"encoding": "utf-16"},
    "semicolons": {"delimiter": ";"},
    "tabs and CRLF": {"delimiter": "\t", "newline": "\r\n"},
}


# The vendors whose files differ most; the others where there is time.
FEW = ["excel_de", "hubspot", "salesforce"]
EACH = [*FEW, *(pytest.param(vendor, marks=pytest.mark.slow) for vendor in VENDORS if vendor not in FEW)]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", EACH)
def test_another_way_of_writing_changes_no_figure(folder, tmp_path, vendor, way):
    place = copied(vendor, folder, tmp_path)
    how = dict(WAYS[way])
    changed(place, how.pop("change", None), **how)
    agrees(vendor, folder, place, TABLES)


@pytest.mark.parametrize("vendor", EACH)
def test_names_of_files_decide_nothing(folder, tmp_path, vendor):
    place = copied(vendor, folder, tmp_path)
    for number, path in enumerate(sorted(place.iterdir(), key=lambda one: one.name[::-1])):
        path.rename(place / f"download {'abcdefghijkl'[number]}{path.suffix}")
    agrees(vendor, folder, place, TABLES)


def renamed(names, only):
    """A change of headers."""

    def change(rows):
        return [[names.get(header, header) for header in rows[0]], *rows[1:]]

    return change, only


INTERNAL = {
    "Record ID": "hs_object_id",
    "Create Date": "createdate",
    "Email": "email",
    "Job Title": "jobtitle",
    "Employment Seniority": "hs_seniority",
    "Country/Region": "country",
    "Original Traffic Source": "hs_analytics_source",
    "Unsubscribed from all email": "hs_email_optout",
    "Lifecycle Stage": "lifecyclestage",
    "Became a Lead Date": "hs_lifecyclestage_lead_date",
    "Became a Marketing Qualified Lead Date": "hs_lifecyclestage_marketingqualifiedlead_date",
    "Became a Sales Qualified Lead Date": "hs_lifecyclestage_salesqualifiedlead_date",
    "Became an Opportunity Date": "hs_lifecyclestage_opportunity_date",
    "Became a Customer Date": "hs_lifecyclestage_customer_date",
    "Merged contact IDs": "hs_calculated_merged_vids",
    "Primary Associated Company ID": "hs_primary_associated_company",
}
DEALS = {
    "Record ID": "hs_object_id",
    "Deal Name": "dealname",
    "Deal Stage": "dealstage",
    "Closed Lost Reason": "closed_lost_reason",
    'Date entered "Closed won (Sales Pipeline)"': "hs_v2_date_entered_closedwon",
    'Date entered "Closed lost (Sales Pipeline)"': "hs_v2_date_entered_closedlost",
}
CAMEL = [
    "Id", "IsDeleted", "MasterRecordId", "Email", "Company", "IsConverted", "ConvertedDate", "ConvertedContactId",
    "ConvertedOpportunityId", "CreatedDate", "LeadId", "ContactId", "Status", "HasResponded", "FirstRespondedDate",
    "CreatedById", "Field", "DataType", "OldValue", "NewValue", "Name", "StageName", "Amount", "CloseDate", "IsClosed",
    "IsWon", "OwnerId", "OpportunityId", "Role", "IsPrimary", "WhoId", "Subject", "TaskSubtype", "ActivityDate",
    "CompletedDateTime", "Campaign.Name", "Campaign.Type", "Loss_Reason__c",
]  # fmt: skip
LABELS = {"Create Date": "Created Date", "No. of Employees": "Employees"}
RENAMED = {
    "hubspot old id": ("hubspot", *renamed({"Record ID": "Contact ID"}, "*contacts*.csv")),
    "hubspot vid": ("hubspot", *renamed(INTERNAL | {"Record ID": "vid"}, "*contacts*.csv")),
    "hubspot labelled id": ("hubspot", *renamed({"Record ID": "Record ID - Contact"}, "*contacts*.csv")),
    "hubspot internal names": ("hubspot", *renamed(INTERNAL, "*contacts*.csv")),
    "hubspot internal names of deals": ("hubspot", *renamed(DEALS, "*deals*.csv")),
    "segment": ("segment", *renamed(INTERNAL, "hubspot*.csv")),
    "salesforce camel case": ("salesforce", *renamed({name.upper(): name for name in CAMEL}, "[A-Z]*.csv")),
    "salesforce labels": ("salesforce", *renamed(LABELS, "r*.csv")),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", RENAMED)
def test_headers_go_by_other_names(folder, tmp_path, case):
    vendor, change, only = RENAMED[case]
    place = copied(vendor, folder, tmp_path)
    for twin in place.glob("*.xlsx") if vendor == "hubspot" else ():
        twin.unlink()
    changed(place, change, only)
    agrees(vendor, folder, place, TABLES)


def dates(form):
    """ISO wall-clock times in another form."""

    def change(rows):
        return [[re.sub(r"^(\d{4})-(\d\d)-(\d\d)( \d\d:\d\d)?$", form, cell) for cell in row] for row in rows]

    return change


FORMS = {"day first": r"\3/\2/\1\4", "month first": r"\2/\3/\1\4", "dots": r"\3.\2.\1\4", "two digits": r"\2/\3/\1\4"}


@pytest.mark.parametrize("form", FORMS)
def test_days_in_either_order_are_the_same_days(folder, tmp_path, form):
    place = copied("hubspot", folder, tmp_path)
    (place / "contacts.xlsx").unlink()
    changed(place, dates(FORMS[form]), "*[a-z]-*.csv")
    changed(place, dates(FORMS[form]), "form*.csv")
    agrees("hubspot", folder, place, TABLES)


def test_days_that_could_be_months_are_asked_about(folder, tmp_path):
    place = copied("segment", folder, tmp_path)
    changed(place, dates(FORMS["day first"]), "hubspot*.csv")  # 5, 6 and 9 January
    _, asked = begun(place)
    order = next(question for question in asked if "month" in question.ask)
    assert "no day above 12" in order.seen
    answers = {}
    for answer in ("day", "month"):

        def ask(question, answer=answer):
            question.take(answer if question.ask == order.ask else question.default)

        answers[answer] = begin(export_files([place]), place, ask).data
    assert "%d/%m/%Y %H:%M" in answers["day"]
    assert "%m/%d/%Y %H:%M" in answers["month"]
    # A cell that settles it ends the question.
    changed(place, lambda rows: [*rows, ["7", "x@y.example", "", "13/01/2026 10:00", "", ""]], "hubspot*.csv")
    assert not [question for question in begun(place)[1] if "month" in question.ask]


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000])
def test_epochs_in_any_unit(folder, tmp_path, unit):
    place = copied("hubspot", folder, tmp_path)

    def change(rows):
        head, *cells = rows
        column = head.index("created")
        return [head, *([*row[:column], str(int(row[column]) * unit // 1000), *row[column + 1 :]] for row in cells)]

    changed(place, change, "email_events.csv")
    agrees("hubspot", folder, place, TABLES)


def test_epochs_of_ga4_in_seconds_and_as_text(folder, tmp_path):
    place = copied("ga4", folder, tmp_path)
    path = place / "events_20260105.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        at = datetime.fromtimestamp(int(row["event_timestamp"]) / 1e6, UTC)
        row["event_timestamp"] = at.strftime("%Y-%m-%d %H:%M:%S UTC")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    agrees("ga4", folder, place, TABLES)


def test_ids_of_15_characters(folder, tmp_path):
    place = copied("salesforce", folder, tmp_path)
    changed(
        place,
        lambda rows: [[re.sub(r"^(00[Q63][0-9A-Za-z]{12})[A-Z0-5]{3}$", r"\1", cell) for cell in row] for row in rows],
        "[A-Z]*.csv",
    )
    agrees("salesforce", folder, place, TABLES)


def test_an_archive_is_as_good_as_its_files(folder, tmp_path):
    place = copied("mailchimp", folder, tmp_path)
    files = sorted(place.iterdir())
    with zipfile.ZipFile(place / "audience export.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
            file.unlink()
    agrees("mailchimp", folder, place, TABLES)


def test_a_header_that_is_needed_and_stands_twice_is_refused(folder, tmp_path):
    place = copied("marketo", folder, tmp_path)
    changed(place, lambda rows: [[*row, row[0]] for row in rows], "bulk_leads.csv")
    with pytest.raises(ContractError, match="has the column 'id' more than once"):
        begun(place)


def test_a_header_that_is_wanted_and_stands_twice_is_asked_about(folder, tmp_path):
    place = copied("marketo", folder, tmp_path)
    changed(place, lambda rows: [[*row, row[rows[0].index("country")]] for row in rows], "bulk_leads.csv")
    _, asked = begun(place)
    assert asked[0].seen.startswith("marketo_leads: 'country' stands more than once")
    assert "country" not in import_tables(place / "data.yaml").leads.column_names
