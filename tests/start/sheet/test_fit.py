"""Rows on who a lead is: each kind of criteria, and the twin that nobody can read without guessing."""

import pytest

from leadscore.start.sheet.amounts import Unclear
from leadscore.start.sheet.fit import OTHERS, read_fact
from leadscore.start.sheet.rows import Row


def fact(attribute, criteria=""):
    return read_fact(Row("line 2", f"{attribute} {criteria}", "", attribute, criteria), ".")


@pytest.mark.parametrize(
    ("attribute", "criteria", "condition"),
    [
        ("Job Title", "C-level (CEO, CMO, CTO)", {"job_title": {"has_word": ["C-level", "CEO", "CMO", "CTO"]}}),
        ("Job Title", "VP, Director", {"job_title": {"has_word": ["VP", "Director"]}}),
        ("Job Title", "VP or Director", {"job_title": {"has_word": ["VP", "Director"]}}),
        ("Job Title", "VP\nDirector", {"job_title": {"has_word": ["VP", "Director"]}}),
        ("Job Title", "contains 'marketing'", {"job_title": {"contains": ["marketing"]}}),
        ("Job Title", "contains CTO", {"job_title": {"has_word": ["CTO"]}}),
        ("Job Title", "isn't Student", {"not": {"job_title": {"has_word": ["Student"]}}}),
        ("Seniority", "VP / Director", {"seniority": ["VP", "Director"]}),
        ("Industry", "=SaaS", {"industry": ["SaaS"]}),
        ("Industry", "not Education", {"industry": {"not_in": ["Education"]}}),
        ("Industry", "Leisure, Travel & Tourism; SaaS", {"industry": ["Leisure, Travel & Tourism", "SaaS"]}),
        ("Industry", '"Oil, Gas", "SaaS"', {"industry": ["Oil, Gas", "SaaS"]}),
        ("Country", "United States; Canada", {"country": ["United States", "Canada"]}),
        ("Country", "NO", {"country": ["NO"]}),
        ("Region", "EMEA", {"region": ["EMEA"]}),
        ("Company size", "50-200", {"company_size": {"between": [50, 200]}}),
        ("Company size", "Enterprise (1000+)", {"company_size": {"at_least": 1000}}),
        ("Company size", "Mid-Market 51-500", {"company_size": {"between": [51, 500]}}),
        ("Company size > 500", "", {"company_size": {"more_than": 500}}),
        ("Company size 1-50", "", {"company_size": {"between": [1, 50]}}),
        ("Job title: VP", "", {"job_title": {"has_word": ["VP"]}}),
        ("Country is US", "", {"country": ["US"]}),
        ("Phone provided", "", {"phone": {"known": True}}),
        ("Phone", "any", {"phone": {"known": True}}),
        ("Phone", "blank", {"phone": {"known": False}}),
        ("Consent", "yes", {"consent": True}),
        ("Email domain", "not gmail.com", {"email_domain": {"not_in": ["gmail.com"]}}),
        ("Email", "gmail.com", {"email": {"ends_with": ["@gmail.com"]}}),
        ("Free email domain (gmail.com)", "", {"email_domain": ["gmail.com"]}),
        ("Größe", "ab 50", {"größe": {"at_least": 50}}),
    ],
)
def test_criteria(attribute, criteria, condition):
    assert fact(attribute, criteria).condition() == condition


def test_all_others():
    assert fact("Industry", "= Other").test == fact("Industry", "everything else").test == OTHERS


@pytest.mark.parametrize(
    ("attribute", "criteria", "why"),
    [
        ("Country", "EMEA", "no country"),
        ("Company size", "10-Jan", "date"),
        ("Company size", "2049-10-01", "date"),
        ("Company size", "50-200 in US", "plain value"),
        ("Consent", "yes/no/true", "which of them"),
        ("Industry", "Software, Finance, etc.", "leaves open"),
        ("Industry", "target industries", "leaves open"),
        ("Job Title", "Manager and above", "plain value"),
        ("Job Title", "VP+", "plain value"),
        ("Founded", "after 2010", "plain value"),
        ("Revenue ($M)", ">10", "unit"),
        ("Any", "yes", "does not name a column"),
        ("Email", "Free email (Gmail/Yahoo)", "not a domain"),
        ("Phone number", "Valid", "leaves open"),
        ("Location", "Within 50 miles of NYC", "plain value"),
        ("Country", "Tier 2: DE; FR", "plain value"),
        ("Funding", "Series A-C", "plain value"),
        ("Company size", "not 50-200", "plain value"),
        ("Student, intern", "", "which column"),
        ("Competitor email domain", "", "which domains"),
    ],
)
def test_what_is_unclear(attribute, criteria, why):
    with pytest.raises(Unclear, match=why):
        fact(attribute, criteria)
