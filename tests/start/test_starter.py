"""The first rulebook for exports: several boxes in one cell are options, and a title has one entry."""

import leadscore as ls
from leadscore.imports.build import import_tables
from leadscore.start.begin import begin, export_files

CONTACTS = "Contact ID,E-mail,Create Date,Job Title,Interests\n" + "".join(
    f"C-{number:02},p{number}@northwind.example,2026-01-{number:02},{title},{interests}\n"
    for number, (title, interests) in enumerate(
        [
            ("Director & Head of Sales", "Pricing;API"),
            ("Chief of Staff to the VP", "API"),
            ("Analyst", ""),
            ("Buyer", "Pricing"),
            ("Clerk", "Pricing;Blog"),
            ("Engineer", "api;Blog"),
        ],
        1,
    )
)


def test_boxes_are_options_and_titles_are_cases(tmp_path):
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    beginning = begin(export_files([tmp_path]), tmp_path)
    assert "\nleadscore: 2\n" in beginning.rulebook
    assert "{type: options}" in beginning.rulebook
    (tmp_path / "data.yaml").write_text(beginning.data)
    book = ls.Rulebook.from_yaml(beginning.rulebook)
    (boxes,) = [rule for rule in book.fit if rule.column and book.columns[rule.column].type == "options"]
    assert list(boxes.points) == ["API", "Pricing", "Blog"]
    edited = book.edited({f"fit.{boxes.name}.points": {"API": 5, "Pricing": 2}})
    tables = ls.load_tables(import_tables(tmp_path / "data.yaml"), rulebook=edited)
    fit = ls.score(tables, edited, as_of="2026-03-31").frame["fit"].tolist()
    assert fit == [10 + 7, 15 + 5, 0, 2, 2, 5]
