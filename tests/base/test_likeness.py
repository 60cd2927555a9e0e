"""What may be meant by a name or value: the same otherwise written, a full address, an option, an abbreviation."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadscore.base.likeness import SURE, folded, nearest_value

ALIKE = {
    ("page_view", "Page View"): "same",
    ("pageView", "PAGE-VIEW"): "same",
    ("request_demo", "Demo Requests"): "same",
    ("Médias", "medias"): "same",
    ("/pricing", "https://www.example.com/pricing?utm=1"): "address",
    ("/pricing", "www.acme.example/pricing/plans"): "address",
    ("https://www.example.com/pricing", "/pricing"): "address",
    ("Webinars", "Demo;Webinars"): "option",
    ("US", "United States"): "initials",
    ("USA", "United States"): "initials",
    ("United States of America", "USA"): "initials",
    ("Vice President", "vp"): "initials",
    ("vp", "Vice President of Sales"): "initials",
    ("Sales", "Sales and Marketing"): "words",
    ("VP / Director", "VP Sales"): "words",
    ("Sofware", "Software"): "spelling",
}
UNLIKE = [("US", "Germany"), ("500+ employees", "620"), ("C#", "C++ developer"), ("...", "page view"), ("IT", "Italy")]


@pytest.mark.parametrize(("wanted", "value"), ALIKE)
def test_alike(wanted, value):
    assert nearest_value(wanted, ["something else entirely", value]) == (1, ALIKE[wanted, value])


@pytest.mark.parametrize(("wanted", "value"), UNLIKE)
def test_unlike(wanted, value):
    assert nearest_value(wanted, [value]) is None


def test_the_surest_is_told_before_the_commonest():
    assert nearest_value("demo", ["Demo of pricing", "DEMO"]) == (1, "same")
    assert nearest_value("demo", ["Demo of pricing", "memo"], SURE) is None


names = st.lists(st.text(string.ascii_lowercase, min_size=2, max_size=8), min_size=1, max_size=4)


@given(names, st.sampled_from(["_", " ", "-", ""]), st.sampled_from([str.upper, str.title, str.lower]))
def test_separators_and_capitals_do_not_matter(words, separator, spelled):
    found = nearest_value("_".join(words), [spelled(separator.join(words))])
    assert found == (0, "same")
    assert folded("_".join(words)) == folded(spelled(separator.join(words)))


@given(st.text(), st.lists(st.text(), max_size=4))
def test_any_text_is_compared(wanted, values):
    found = nearest_value(wanted, values)
    assert found is None or 0 <= found[0] < len(values)
