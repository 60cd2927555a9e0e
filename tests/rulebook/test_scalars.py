"""YAML 1.2 scalars: what a word or number of a rulebook is read as."""

import pytest

import leadscore as ls
from tests.support.one_lead import total


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("1_000", "1_000"),
        ("2026-03-02", "2026-03-02"),
        ("2026-13-45", "2026-13-45"),
        ("12:30:45", "12:30:45"),
        ("0b11", "0b11"),
        ('"012"', "012"),
        ("true", True),
        ("False", False),
        ("012.5", 12.5),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("-5", -5),
        ("1e3", 1000.0),
        ("5.0", 5.0),
    ],
)
def test_yaml_1_2_scalars(written, read):
    text = f"leadscore: 1\nname: n\nfit: [{{name: r, when: {{c: {written}}}, points: 1}}]\nqualify: {{threshold: 0}}\n"
    found = ls.Rulebook.from_yaml(text).to_dict()["fit"][0]["when"]["c"]
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize("written", ["012", "-012", "007", "00"])
def test_a_leading_zero_is_an_error_and_quoting_mends_it(written):
    text = "leadscore: 1\nname: n\nfit: [{name: r, when: {c: %s}, points: 1}]\nqualify: {threshold: 0}\n"
    with pytest.raises(ls.RulebookError, match=rf"line 3, fit\[0\].when.c: {written} would lose its leading zero"):
        ls.Rulebook.from_yaml(text % written)
    assert ls.Rulebook.from_yaml(text % f"'{written}'").to_dict()["fit"][0]["when"]["c"] == written


@pytest.mark.parametrize(
    ("value", "points"), [("NO", 1), ("no", 1), ("Norway", 0), ("false", 0), ("False", 0), ("on", 2), ("true", 0)]
)
def test_norway_is_a_country(value, points):
    text = """
leadscore: 1
name: n
fit: [{name: r, column: country, points: {NO: 1, on: 2}}]
qualify: {threshold: 0}
"""
    made = ls.Rulebook.from_yaml(text).to_dict()
    assert total(made, {"country": value}) == points


@pytest.mark.parametrize(
    "line", ["%YAML 1.1\n---\n", "%YAML 1.1\n# yes\n---\n"], ids=["directive", "directive and comment"]
)
def test_a_yaml_1_1_directive_does_not_make_norway_false(line):
    text = "leadscore: 1\nname: n\nfit: [{name: r, when: {c: [NO, on]}, points: 1}]\nqualify: {threshold: 0}\n"
    try:
        found = ls.Rulebook.from_yaml(line + text).to_dict()["fit"][0]["when"]["c"]
    except ls.RulebookError as error:
        assert "line 1" in str(error)  # noqa: PT017 - refusing the directive is as good
    else:
        assert found == ["NO", "on"]
