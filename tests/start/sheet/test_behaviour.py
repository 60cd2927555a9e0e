"""Rows on what a lead does: the event, how many, for how long; and the twin that nobody can read without guessing."""

import math

import pytest

from leadscore.start.sheet.amounts import Band, Unclear
from leadscore.start.sheet.behaviour import read_act
from leadscore.start.sheet.rows import Row


def act(attribute, criteria=""):
    return read_act(Row("line 2", f"{attribute} {criteria}", "Behavioral", attribute, criteria))


@pytest.mark.parametrize(
    ("attribute", "criteria", "event", "terms"),
    [
        ("Visited pricing page", "", "visited_pricing_page", {}),
        ("Requested a demo", "", "requested_demo", {}),
        ("Requested demo (last 30 days)", "", "requested_demo", {"within_days": 30}),
        ("Email", "Opened", "email_opened", {}),
        ("Visit", "Yes", "visit", {}),
        ("Email click", "per click, max 3", "email_click", {"count": "each", "cap": ("3", "")}),
        ("Email open", "once per day", "email_open", {"count": "daily"}),
        ("Webinar", "half-life 14 days", "webinar", {"half_life_days": 14}),
        ("Webinar", "-25% per month", "webinar", {"step": {"every_days": 30, "lose_percent": 25}}),
        ("Webinar", "expires after 90 days", "webinar", {"within_days": 90}),
        ("Form submission - contact sales", "", "form_submission_contact_sales", {}),
    ],
)
def test_events(attribute, criteria, event, terms):
    found = act(attribute, criteria)
    assert (found.event, found.terms, found.band) == (event, terms, None)


@pytest.mark.parametrize(
    ("attribute", "criteria", "event", "band", "terms"),
    [
        ("3+ visits in 7 days", "", "visits", Band(3), {"within_days": 7}),
        ("Opened 3+ emails in 7 days", "", "opened_emails", Band(3), {"within_days": 7}),
        ("Attended 2 webinars", "", "attended_webinars", Band(2), {}),
        ("Page views", ">= 5", "page_views", Band(5), {}),
        ("Page views", "> 5", "page_views", Band(6), {}),
        ("Page views", "1-2", "page_views", Band(1, 2), {}),
        ("Less than 2 visits in 30 days", "", "visits", Band(0, 1), {"within_days": 30}),
        ("No login in 14 days", "", "login", Band(0, 0), {"within_days": 14}),
        ("No activity in 90 days", "", "", Band(0, 0), {"within_days": 90}),
        ("Inactive for 60 days", "", "", Band(0, 0), {"within_days": 60}),
        ("Keine Aktivität seit 90 Tagen", "", "", Band(0, 0), {"within_days": 90}),
    ],
)
def test_how_many(attribute, criteria, event, band, terms):
    found = act(attribute, criteria)
    assert (found.event, found.band, found.terms) == (event, band, terms)


def test_a_path_is_what_the_event_is_about():
    pricing = {"where": {"asset": {"contains": "/pricing"}}}
    for criteria in ("/pricing", "URL contains /pricing"):
        assert act("Page visit", criteria).asked() == {"event": "page_visit"} | pricing
    assert act("Visited URL containing /pricing").asked() == {"event": "visited"} | pricing


def test_a_word_alone_is_of_its_part():
    assert read_act(Row("line 2", "Opened", "Email", "Opened")).event == "email_opened"


def test_a_number_in_a_name_is_no_count():
    assert act("Webinar Q3 2026").event == "webinar_q3_2026"
    assert math.isinf(act("3 visits").band.high)


@pytest.mark.parametrize(
    ("attribute", "criteria", "why"),
    [
        ("Multiple visits", "", "how many"),
        ("Did not open last 5 emails", "", "did not happen"),
        ("Opened and clicked", "", "two things"),
        ("Opened, clicked", "", "several things"),
        ("Opened\nClicked", "", "several things"),
        ("Time on site", "> 5 minutes", "not the name of an event"),
        ("Time on site", "> 5", "not a number of events"),
        ("Email open rate", "> 50%", "not the name of an event"),
        ("Opened emails", "3", "if more count too"),
        ("Email click", "5 per week", "not the name of an event"),
        ("Blog", "Read 3 articles", "how many, of what"),
        ("Clicked 2 links in 1 email", "", "how many, of what"),
        ("Visited /pricing or /demo", "", "several pages"),
        ("Recency", "within 7 days", "not the name of an event"),
        ("Came to our stand at the big fair in spring", "", "few words"),
        ("Inactive", "", "within how many days"),
        ("Maximum behaviour score", "", "counts points"),
    ],
)
def test_what_is_unclear(attribute, criteria, why):
    with pytest.raises(Unclear, match=why):
        act(attribute, criteria)
