"""The pages of `docs/`: every public name is in the reference, every page is reached, guide pages end in a decision."""

import re
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import pytest

import leadscore as ls
from tests.test_floors import FLOORS

DOCS = Path(__file__).parents[1] / "docs"
MADE = {"_build", "notebooks", "generated"}  # by the build
PAGES = sorted(page for page in DOCS.rglob("*.md") if not MADE & set(page.relative_to(DOCS).parts))
GUIDE = [page for page in PAGES if page.parent.name == "guide" and page.stem != "index"]


def text(page):
    return page.read_text(encoding="utf-8")


def name(page):
    return page.relative_to(DOCS).as_posix()


def referred_to():
    """What the reference's lists name, in full: `leadscore.score`."""
    found = []
    for page in (page for page in PAGES if page.parent.name == "reference"):
        for module, names in re.findall(
            r"currentmodule:: ([\w.]+)\n\.\. autosummary::\n   :toctree: generated\n\n((?:   \w+\n)+)", text(page)
        ):
            found += [f"{module}.{name}" for name in names.split()]
    return found


def test_the_reference_lists_each_public_name_once():
    """Everyday names as `leadscore.score`, the others with their namespace."""
    spaces = [name for name in ls.__all__ if isinstance(getattr(ls, name), ModuleType)]
    public = {f"leadscore.{name}" for name in ls.__all__} - {f"leadscore.{space}" for space in spaces}
    for space in spaces:
        public |= {f"leadscore.{space}.{name}" for name in getattr(ls, space).__all__ if name not in ls.__all__}
    assert sorted(referred_to()) == sorted(public)


def test_the_names_of_the_overview_are_there():
    """Functions and classes; commands and methods stand behind a semicolon."""
    cells = re.findall(r"^\| .+ \| (.+) \|$", text(DOCS / "reference" / "index.md"), re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`((?:\w+\.)?\w+)`", cell.split(";")[0])]
    assert len(names) > 50
    for name in names:
        attrgetter(name)(ls)


def test_there_are_guide_pages():
    assert {page.stem for page in GUIDE} >= {"score", "threshold", "learn", "drift"}


@pytest.mark.parametrize("page", GUIDE, ids=name)
def test_a_guide_page_runs_code_asks_a_question_and_ends_in_a_decision(page):
    assert "```{code-cell}" in text(page)
    assert "**The question.**" in text(page)
    assert re.findall(r"^## (.+)$", text(page), re.MULTILINE)[-1] == "The decision"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_includes_lead_to_files(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)|^```\{include\} (\S+)$", text(page), re.MULTILINE)
    files = {target: (page.parent / target).resolve() for target in map("".join, links)}
    # The build copies the notebooks beside the pages.
    made = {
        target: Path(str(file).replace(str(DOCS / "notebooks"), str(DOCS.parent / "notebooks")))
        for target, file in files.items()
    }
    missing = [target for target, file in made.items() if not file.is_file()]
    assert missing == []


def test_every_page_is_in_a_list_of_pages():
    listed = {DOCS / "index.md"}
    for page in PAGES:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", text(page), re.DOTALL):
            for line in block.splitlines():
                target = line[line.find("<") + 1 :].rstrip(">")
                listed.add((page.parent / f"{target}.md").resolve())
    assert [name(page) for page in PAGES if page not in listed] == []


def test_contributing_lists_the_floors_in_their_order():
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", text(DOCS.parent / "CONTRIBUTING.md"), re.MULTILINE)
    assert rows == FLOORS


def test_files_that_contributing_names_are_there():
    named = set(re.findall(r"(?:`|pytest )((?:\w+/)+(?:\w+\.\w+)?)", text(DOCS.parent / "CONTRIBUTING.md")))
    root = DOCS.parent
    assert sorted(name for name in named if not ((root / name).exists() or (root / "leadscore" / name).exists())) == []
