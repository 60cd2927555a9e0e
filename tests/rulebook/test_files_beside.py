"""The files that a rulebook names: read from its folder alone, joined in their order, and wrong at their own lines."""

import os
import time

import pandas as pd
import pytest
import yaml as plain_yaml
from hypothesis import given
from hypothesis import strategies as st

import leadscore as ls
from leadscore.rulebook.diff import diff
from tests.support import strategies2
from tests.support.bad_input import assert_located

HEAD = "leadscore: 2\nname: n\nqualify: {threshold: 0}\n"
SHARED = """\
leadscore: 2
constants: {strong: 20}
lists: {customers: {file: lists/customers.txt}}
conditions:
  customer: {domain: {in_list: customers}}   # by their domain
fit:
  - {name: Customer, when: customer, points: strong}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with what rulebooks may name and may not, and things outside of it."""
    (tmp_path / "outside.txt").write_text("secret\n")
    (tmp_path / "outside.yaml").write_text("leadscore: 2\nconstants: {secret: 1}\n")
    folder = tmp_path / "books"
    (folder / "lists").mkdir(parents=True)
    (folder / "lists" / "customers.txt").write_text("acme.example\n\n rival.example \nACME.example\n")
    (folder / "shared.yaml").write_text(SHARED)
    return folder


def written(folder, rest, head=HEAD):
    path = folder / "book.yaml"
    path.write_text(head + rest)
    return path


def refused(folder, rest, head=HEAD):
    """The one problem of a rulebook."""
    start = time.process_time()
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.read(written(folder, rest, head))
    assert time.process_time() - start < 2
    assert_located(caught.value)
    (problem,) = caught.value.problems
    assert "secret" not in str(caught.value)
    return problem


# ------------------------------------------------------------------------------------------------------------- safety

OUTSIDE = "must lie in the folder of the rulebook or below; links are followed"


# What is said of a name, in which the folder, the one around it and the end of a file's name are put.
UNSAFE = {
    "../outside.{end}": OUTSIDE,
    "lists/../../outside.{end}": OUTSIDE,
    "{outer}/outside.{end}": OUTSIDE,
    "{outer}/books/shared.yaml": OUTSIDE,
    "link.{end}": OUTSIDE,
    "out/outside.{end}": OUTSIDE,
    "zero": OUTSIDE,
    "/dev/zero": OUTSIDE,
    "loop": "cannot be read: ",
    "lists": "is no file",
    ".": "is no file",
    "pipe": "is no file",
    "none.{end}": "there is no such file in ",
    "https://example.org/x.{end}": "there is no such file in ",
    "~/x.{end}": "there is no such file in ",
    "x" * 5000: "cannot be read: ",
}


@pytest.mark.parametrize(("word", "end"), [("lists", "txt"), ("include", "yaml")])
@pytest.mark.parametrize("name", UNSAFE, ids=lambda name: name[:30])
def test_a_name_that_leads_to_no_file_of_the_folder_is_refused(folder, name, word, end):
    links = {
        "link.txt": "../outside.txt",
        "link.yaml": "../outside.yaml",
        "out": "..",
        "zero": "/dev/zero",
        "loop": "loop",
    }
    for link, to in links.items():
        (folder / link).symlink_to(to)
    os.mkfifo(folder / "pipe")
    file = name.format(outer=folder.parent, end=end)
    problem = refused(folder, f"include: {file}\n" if word == "include" else f"lists: {{l: {{file: {file}}}}}\n")
    assert problem.where == f"line 4, {'include' if word == 'include' else 'lists.l.file'}"
    assert UNSAFE[name] in problem.message


@pytest.mark.parametrize("name", ["lists/customers.txt", "lists/../lists/customers.txt", "inner.txt"])
def test_a_file_of_the_folder_or_below_is_read_by_any_name(folder, name):
    (folder / "inner.txt").symlink_to("lists/customers.txt")
    book = ls.Rulebook.read(written(folder, f"lists: {{l: {{file: {name}}}}}\n"))
    assert book.named_lists["l"].values == ("acme.example", "rival.example", "ACME.example")


UNREADABLE = {
    "latin-1": ("é\n".encode("latin-1"), "is not UTF-8 text: byte 0xe9 in line 1"),
    "utf-16": ("a\n".encode("utf-16"), "is not UTF-8 text: byte 0xff in line 1"),
    "a later line": (b"a\nb\nc\xff\n", "is not UTF-8 text: byte 0xff in line 3"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_is_no_text_is_refused(folder, case):
    data, said = UNREADABLE[case]
    (folder / "x").write_bytes(data)
    assert said in refused(folder, "lists: {l: {file: x}}\n").message
    assert said in refused(folder, "include: x\n").message


def test_too_much_is_refused(folder):
    with (folder / "big").open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert "has more than 67,108,864 bytes" in refused(folder, "lists: {l: {file: big}}\n").message
    assert "has more than 600,000 bytes" in refused(folder, "include: big\n").message
    (folder / "many.txt").write_text("\n".join(map(str, range(1_000_001))))
    assert "holds 1,000,001 values" in refused(folder, "lists: {l: {file: many.txt}}\n").message
    (folder / "long.yaml").write_text("#" * 150_001)
    assert "150,001 characters" in refused(folder, "include: long.yaml\n").message


# -------------------------------------------------------------------------------------------------------- what it says


def test_what_is_included_comes_first_and_its_names_can_be_used(folder):
    rest = "include: shared.yaml\nfit: [{name: Size, column: size, points: {big: strong}}]\n"
    book = ls.Rulebook.read(written(folder, rest))
    assert [(rule.name, rule.points) for rule in book.fit] == [("Customer", 20), ("Size", {"big": 20})]
    assert book.conditions["customer"].tests["domain"].in_list.texts == {"acme.example", "rival.example"}


def test_a_rulebook_in_files_can_be_read_from_text_that_says_where_they_lie(folder):
    text = written(folder, "include: shared.yaml\n").read_text()
    assert ls.Rulebook.from_yaml(text, folder=folder) == ls.Rulebook.read(folder / "book.yaml")
    assert ls.Rulebook.from_dict(plain_yaml.safe_load(text), folder=folder) == ls.Rulebook.read(folder / "book.yaml")
    with pytest.raises(ls.RulebookError, match="say in which folder it lies"):
        ls.Rulebook.from_yaml(text)


def test_a_list_is_part_of_the_rulebook_and_read_once(folder):
    book = ls.Rulebook.read(written(folder, "include: shared.yaml\n"))
    same = ls.Rulebook.read(folder / "book.yaml")
    (folder / "lists" / "customers.txt").write_text("acme.example\n")
    other = ls.Rulebook.read(folder / "book.yaml")
    assert book == same != other
    assert [str(change) for change in diff(book, other)] == ["customers: -'rival.example'"]
    assert book.edited({"version": "2"}).named_lists == same.named_lists


def test_findings_say_in_which_file(folder):
    (folder / "lists" / "customers.txt").write_text("\n \n")
    book = ls.Rulebook.read(
        written(folder, "include: shared.yaml\nfit: [{name: Never, when: {n: {at_least: 5, at_most: 3}}, points: 1}]\n")
    )
    found = [(one.code, one.line, one.path, one.message.endswith(" (in shared.yaml)")) for one in book.check()]
    assert {("LS120", 5, "fit[1]", False), ("LS120", 7, "fit[0]", True)} <= {*found}
    assert ("LS135", 3, "lists.customers", True) in found
    # Those of the rulebook's own come first.
    assert [included for *_, included in found] == sorted(included for *_, included in found)


# Case: (the included file, what the rulebook says beside it, where, what is said).
WRONG = {
    "a rule": (
        "leadscore: 2\nfit:\n  - {name: b, when: {c: {contians: x}}, points: 3}\n", "",
        "line 3 of x.yaml, fit[0].when.c.contians", "did you mean 'contains'?",
    ),
    "a rule of its own behind": (
        "leadscore: 2\nfit: [{name: a, when: {c: x}, points: 1}]\n", "fit:\n  - {name: b, when: {c: ~}, points: 3}\n",
        "line 6, fit[1].when.c", "has no value",
    ),
    "a constant": (
        "leadscore: 2\nfit: [{name: a, when: {c: x}, points: strng}]\n", "constants: {strong: 1}\n",
        "line 2 of x.yaml, fit[0].points", "did you mean 'strong'?",
    ),
    "a column": (
        "leadscore: 2\nfit: [{name: a, when: {industy: x}, points: 1}]\n", "columns: {industry: {type: text}}\n",
        "line 2 of x.yaml, fit[0].when.industy", "did you mean 'industry'?",
    ),
    "a list of its": (
        "leadscore: 2\nlists: {l: {file: none.txt}}\n", "", "line 2 of x.yaml, lists.l.file", "there is no such file",
    ),
    "YAML": ("leadscore: 2\nfit: [\n", "", "line 4, include", "'x.yaml', line 3: not valid YAML"),
    "an alias": ("leadscore: 2\nfit: &a [*a]\n", "", "line 2 of x.yaml, fit[0]", "the alias *a repeats"),
    "a section twice": (
        "leadscore: 2\nconstants: {a: 1}\nconstants: {b: 1}\n", "", "line 4, include",
        "'x.yaml': the key 'constants' is written twice",
    ),
    "a key twice": (
        "leadscore: 2\nconstants: {a: 1, a: 2}\n", "", "line 2 of x.yaml, constants", "the key 'a' is written twice",
    ),
    "a section without a value": ("leadscore: 2\nfit:\n", "", "line 2 of x.yaml, fit", "has no value"),
    "a list": ("- a\n", "", "line 4, include", "'x.yaml', line 1: a rulebook is a mapping"),
    "nothing": ("", "", "line 4, include", "found nothing"),
    "format 1": ("leadscore: 1\nfit: []\n", "", "line 4, include", "'x.yaml' is not of format 2"),
    "a threshold": (
        "leadscore: 2\nqualify: {threshold: 5}\n", "", "line 4, include",
        "'qualify' cannot stand in 'x.yaml': it may hold columns",
    ),
    "another word": (
        "leadscore: 2\nconstnats: {a: 5}\n", "", "line 4, include", "'constnats' cannot stand in 'x.yaml'",
    ),
    "an include": (
        "leadscore: 2\ninclude: shared.yaml\n", "", "line 4, include", "included files do not include others",
    ),
    "itself": ("leadscore: 2\ninclude: x.yaml\n", "", "line 4, include", "included files do not include others"),
    "the same constant": (
        "leadscore: 2\nconstants: {a: 1}\n", "constants: {a: 1}\n", "line 5, constants.a",
        "'a' is defined in another of the files too",
    ),
    "a rule of the same name": (
        "leadscore: 2\nfit: [{name: a, when: {c: x}, points: 1}]\n", "fit: [{name: a, when: {c: y}, points: 1}]\n",
        "line 5, fit[1].name", "the name 'a' is taken by fit[0]",
    ),
    "another shape": (
        "leadscore: 2\nfit: [{name: a, when: {c: x}, points: 1}]\n", "fit: {name: a}\n", "line 5, fit",
        "is a list in one of the files and a mapping in another",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_at_its_line(folder, case):
    text, beside, where, said = WRONG[case]
    (folder / "x.yaml").write_text(text)
    problem = refused(folder, "include: x.yaml\n" + beside)
    assert problem.where == where
    assert said in problem.message
    if " of x.yaml" in where:
        assert problem.excerpt.splitlines()[0] in text


def test_a_file_that_includes_the_rulebook_is_no_circle(folder):
    with pytest.raises(ls.RulebookError, match=r"'include' cannot stand in 'book\.yaml'"):
        ls.Rulebook.read(written(folder, "include: book.yaml\n"))


def test_format_1_includes_nothing(folder):
    (folder / "x.yaml").write_text("leadscore: 2\nfit: [{name: a, when: {c: x}, points: 1}]\n")
    problem = refused(folder, "include: x.yaml\n", HEAD.replace("2", "1"))
    assert problem.message == "'include' is a word of format 2; begin the file with 'leadscore: 2'"


def test_all_problems_of_all_files_come_at_once(folder):
    (folder / "x.yaml").write_text("leadscore: 2\nconstants: {a: b}\nfit: [{name: a, when: {c: x}, pionts: 1}]\n")
    rest = "include: [x.yaml, none.yaml]\nlists: {l: {file: none.txt}}\nbehaviour: [{name: b, event: e, pionts: 1}]\n"
    with pytest.raises(ls.RulebookError) as caught:
        ls.Rulebook.read(written(folder, rest))
    said = str(caught.value)
    assert [word in said for word in ("none.yaml", "none.txt", "got 'b'", "fit[0].pionts", "behaviour[0].pionts")] == [
        True
    ] * 5


@given(st.data())
def test_a_rulebook_in_files_is_the_rulebook_in_one(tmp_path_factory, data):
    document = data.draw(strategies2.documents())
    main, files = data.draw(strategies2.in_files(document))
    folder = tmp_path_factory.mktemp("in_files")
    (folder / "shared").mkdir()
    for name, content in files.items():
        text = content if isinstance(content, str) else ls.rulebook.yaml.dump(ls.rulebook.yaml.plain(content, name))
        (folder / name).write_text(text)
    one, several = ls.Rulebook.from_dict(document), ls.Rulebook.from_dict(main, folder=folder)
    assert several.as_written.fit == one.as_written.fit
    assert several.as_written.behaviour == one.as_written.behaviour
    assert {change.section for change in diff(one, several)} <= {"include", "lists"}
    assert all(
        change.section == "include" or change.text == "why none -> 'From the CRM'" for change in diff(one, several)
    )


BOOK_OF_PARTS = """\
leadscore: 2
name: parts
include: shared.yaml
lists: {free: {file: free.txt}}
fit:
  - {name: Rivals, when: {email_domain: {in_list: rivals}}, points: -20}
  - {name: Free mail, when: {email_domain: {in_list: free}}, points: -5}
qualify: {threshold: 0}  # agreed in March
"""


def test_it_is_kept_without_the_files_beside_it(tmp_path):
    """As a drift monitor keeps it: equal as long as no file was edited, and edited where one was."""
    (tmp_path / "book.yaml").write_text(BOOK_OF_PARTS, encoding="utf-8")
    (tmp_path / "shared.yaml").write_text("lists: {rivals: [a.com, '007']}\n", encoding="utf-8")
    (tmp_path / "free.txt").write_text("gmail.com\nno\n", encoding="utf-8")
    book = ls.Rulebook.read(tmp_path / "book.yaml")
    kept = ls.BalanceMonitor.from_json(ls.BalanceMonitor(book).to_json()).rulebook
    assert kept == book
    assert kept.digest == book.digest
    assert kept.self_contained() == kept.to_yaml() == book.self_contained()
    leads = pd.DataFrame({"lead_id": [1, 2, 3, 4], "email_domain": ["a.com", "gmail.com", "NO", "web.de"]})
    points = [
        ls.score(ls.load_tables(leads, rulebook=one), one, as_of="2026-03-31").frame["fit"] for one in (book, kept)
    ]
    assert points[0].tolist() == points[1].tolist() == [-20, -5, -5, 0]
    for name, text in (("free.txt", "gmail.com\n"), ("shared.yaml", "lists: {rivals: [a.com]}\n")):
        before = (tmp_path / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text, encoding="utf-8")
        edited = ls.Rulebook.read(tmp_path / "book.yaml")
        assert edited != kept
        assert edited.digest != kept.digest
        (tmp_path / name).write_text(before, encoding="utf-8")


def test_a_rulebook_without_such_files_is_kept_as_it_is():
    text = "leadscore: 2\nname: own\nlists: {free: [gmail.com]}\nfit: []\nqualify: {threshold: 0}  # agreed\n"
    assert ls.Rulebook.from_yaml(text).self_contained() == text
