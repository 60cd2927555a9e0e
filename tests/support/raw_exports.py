"""The raw exports in `leadscore/examples`, made from made-up leads: `python -m tests.support.raw_exports` writes them."""

# ruff: noqa: E501 - rows of exports are long
import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

import leadscore as ls

EXAMPLES = Path(ls.__file__).parent / "examples"
SEED, LEADS, HANDED = 11, 300, 130
ZONE = "America/New_York"
FORMS = {"demo_request": "Request a demo", "contact_sales": "Contact sales", "webinar": "Webinar registration"}
COUNTRIES = {
    "US": "United States",
    "GB": "United Kingdom",
    "DE": "Germany",
    "FR": "France",
    "NL": "Netherlands",
    "CA": "Canada",
    "IN": "India",
    "NO": "Norway",
}
STATUSES = {"mql": "MQL", "contacted": "Working - Contacted", "sal": "Accepted", "sql": "Qualified", "rejected": "Closed - Not Converted", "recycled": "Nurture"}  # fmt: skip
BECAME = {
    "Became a Lead Date": "lead",
    "Became a Marketing Qualified Lead Date": "mql",
    "Became a Sales Qualified Lead Date": "sql",
    "Became an Opportunity Date": "opportunity",
    "Became a Customer Date": "won",
}


def made():
    """More of those who were handed to sales than there would be, so that something is said."""
    funnel = ls.datasets.make_funnel(1500, random_state=SEED, days=300)
    passed = funnel.outcomes.loc[funnel.outcomes["stage"] == "mql", "lead_id"].drop_duplicates()
    others = funnel.leads.loc[~funnel.leads["lead_id"].isin(passed), "lead_id"]
    # Both over the whole time.
    kept = [*passed.iloc[np.linspace(0, len(passed) - 1, HANDED).astype(int)], *others.iloc[: LEADS - HANDED]]
    frames = (funnel.leads, funnel.events, funnel.outcomes)
    return [frame[frame["lead_id"].isin(kept)].reset_index(drop=True) for frame in frames]


def wall(at):
    """Wall-clock time in New York, as exports have it."""
    return at.tz_convert(ZONE)


def as_csv(head, rows, *, quoted=True):
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerows([head, *rows])
    return text.getvalue()


def mail(lead):
    return f"{lead.lead_id.lower()}@{lead.email_domain}" if isinstance(lead.email_domain, str) else ""


def known(value):
    return "" if pd.isna(value) else value


def first_reached(outcomes):
    """For each lead and stage the first time."""
    return {(row.lead_id, row.stage): row.at for row in outcomes[::-1].itertuples()}


def hubspot():
    """Contacts, deals, clicks and forms of a HubSpot account, by file name."""
    leads, events, outcomes = made()
    reached = first_reached(outcomes)
    numbers = {lead: 1001 + place for place, lead in enumerate(leads["lead_id"])}

    def minute(at):
        return wall(at).strftime("%Y-%m-%d %H:%M")

    contacts = [
        [
            numbers[lead.lead_id], mail(lead), known(lead.job_title), known(lead.seniority),
            COUNTRIES.get(lead.country, known(lead.country)), known(lead.industry),
            f"{int(lead.employees):,}" if lead.employees == lead.employees else "", known(lead.source),
            minute(lead.created_at),
            *(minute(reached[lead.lead_id, stage]) if (lead.lead_id, stage) in reached else "" for stage in BECAME.values()),
        ]
        for lead in leads.itertuples()
    ]  # fmt: skip
    deals = [
        [
            7001 + place, "Sales Pipeline", "Closed won" if row.stage == "won" else "Closed lost",
            f"{int(row.amount):,}" if row.amount == row.amount else "", known(row.reason),
            *((minute(row.at), "") if row.stage == "won" else ("", minute(row.at))), numbers[row.lead_id],
        ]
        for place, row in enumerate(outcomes[outcomes["stage"].isin(["won", "lost"])].itertuples())
    ]  # fmt: skip
    address = {lead.lead_id: mail(lead) for lead in leads.itertuples()}
    clicks = events[events["event"].isin(["email_click", "unsubscribe"])].iloc[::2]
    emails = [
        [f"e{place}", int(row.at.timestamp() * 1000), "CLICK" if row.event == "email_click" else "STATUSCHANGE", address[row.lead_id],
         "" if row.event == "email_click" else "UNSUBSCRIBED"]
        for place, row in enumerate(clicks.itertuples())
        if address[row.lead_id]
    ]  # fmt: skip
    forms = [
        [
            numbers[row.lead_id],
            FORMS[row.event],
            minute(row.at),
            f"https://www.acme.example/{row.event.replace('_', '-')}",
        ]
        for row in events[events["event"].isin(FORMS)].itertuples()
    ]
    return {
        "hubspot-crm-exports-all-contacts-2026-03-31.csv": as_csv(
            ["Record ID", "Email", "Job Title", "Employment Seniority", "Country/Region", "Industry", "Number of Employees",
             "Original Traffic Source", "Create Date", *BECAME], contacts),
        "hubspot-crm-exports-all-deals-2026-03-31.csv": as_csv(
            ["Record ID", "Pipeline", "Deal Stage", "Amount", "Closed Lost Reason",
             'Date entered "Closed won (Sales Pipeline)"', 'Date entered "Closed lost (Sales Pipeline)"',
             "Associated Contact IDs"], deals),
        "email_events.csv": as_csv(["id", "created", "type", "recipient", "portalSubscriptionStatus"], emails, quoted=False),
        "form_submissions.csv": as_csv(["contact_id", "form", "submitted_at", "page_url"], forms),
    }  # fmt: skip


def salesforce_id(kind, number):
    """An id of 15 characters."""
    return f"{kind}5g00000{number:05d}"[:15].ljust(15, "0")


def salesforce():
    """A report of leads, the history of their status and campaign members of a Salesforce org, by file name."""
    leads, events, outcomes = made()
    ids = {lead: salesforce_id("00Q", 10001 + place) for place, lead in enumerate(leads["lead_id"])}

    def local(at):
        return wall(at).strftime("%m/%d/%Y, %I:%M %p")

    report = [
        [
            ids[lead.lead_id], known(lead.job_title), mail(lead), COUNTRIES.get(lead.country, known(lead.country)),
            known(lead.industry), f"{int(lead.employees):,}" if lead.employees == lead.employees else "",
            known(lead.source), local(lead.created_at),
        ]
        for lead in leads.itertuples()
    ]  # fmt: skip
    foot = ["Leads of this year", "Copyright (c) 2000-2026 salesforce.com, inc. All rights reserved.", "Acme Inc"]
    lines = as_csv(
        ["Lead ID", "Title", "Email", "Country", "Industry", "No. of Employees", "Lead Source", "Create Date"], report
    )
    history = [
        [
            salesforce_id("017", 20001 + place),
            ids[row.lead_id],
            "Status",
            "",
            STATUSES[row.stage],
            row.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        ]
        for place, row in enumerate(outcomes[outcomes["stage"].isin(STATUSES)].itertuples())
    ]
    history += [
        [
            salesforce_id("017", 40001 + place),
            ids[row.lead_id],
            "leadConverted",
            "",
            "",
            row.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        ]
        for place, row in enumerate(outcomes[outcomes["stage"] == "opportunity"].itertuples())
    ]
    campaigns = {"webinar": ("Product webinar", "Webinar", "Attended"), "demo_request": ("Web - Demo Request", "Other", "Responded"),
                 "contact_sales": ("Web - Contact Sales", "Other", "Responded")}  # fmt: skip
    members = [
        [
            salesforce_id("00v", 30001 + place),
            ids[row.lead_id],
            campaigns[row.event][2],
            "true",
            wall(row.at).strftime("%Y-%m-%d"),
            *campaigns[row.event][:2],
        ]
        for place, row in enumerate(events[events["event"].isin(campaigns)].itertuples())
    ]
    return {
        "report1774915200000.csv": lines + "\n\n" + "".join(f'"{line}"\n' for line in foot),
        "LeadHistory.csv": as_csv(["ID", "LEADID", "FIELD", "OLDVALUE", "NEWVALUE", "CREATEDDATE"], history),
        "CampaignMember.csv": as_csv(
            ["ID", "LEADID", "STATUS", "HASRESPONDED", "FIRSTRESPONDEDDATE", "CAMPAIGN.NAME", "CAMPAIGN.TYPE"], members),
    }  # fmt: skip


VENDORS = {"hubspot": hubspot, "salesforce": salesforce}

if __name__ == "__main__":
    for vendor, files in VENDORS.items():
        (EXAMPLES / vendor).mkdir(exist_ok=True)
        for name, text in files().items():
            (EXAMPLES / vendor / name).write_text(text, encoding="utf-8")
