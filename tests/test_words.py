"""Plain English: what reads as translated stands in no text of the package, its pages and its notebooks."""

import ast
import re
from pathlib import Path

import pytest

import leadscore as ls

ROOT = Path(__file__).parents[1]
INSTEAD = {
    r"to blame\b": "what caused it",
    r"hangs? together": "neighbouring weeks are alike (autocorrelated)",
    r"lets? expect": "predicts",
    r"foretold|foretell": "predicted",
    r"none that can be meant|cannot be meant": "an invalid argument",
    r"weeks are exchangeable": "provided ordinary weeks are alike",
    r"c[oa]mes? to qualify": "qualified",
    r"no longer (as|what) (it|they) (was|were)": "what has changed",
    r"fewer since|more since": "fell, rose",
    r"surely (brings|beats|better)": "brings more: the interval excludes 0",
    r"bears? (the rules|them|it|rules) out|bear out": "results support the rules",
    r"told from none": "could be no change at all",
    r"the bound is not claimed": "the false-alarm rate cannot be guaranteed",
    r"know(s)? no season": "cannot show seasons",
    r"worths are by": "assumes ...",
    r"are over by\b": "have passed",
    r"data is too little": "there is too little data",
    r"\bthe bar\b|\busual bars\b": "threshold, level",
}
FORBIDDEN = re.compile("|".join(f"(?:{phrase})" for phrase in INSTEAD), re.IGNORECASE)


def texts():
    """Every text with its place: strings and docstrings of the package, pages, notebooks."""
    for path in sorted(Path(ls.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    pages = [page for page in pages if "_build" not in page.parts and page.parent != ROOT / "docs" / "notebooks"]
    for path in [*pages, *Path(ls.__file__).parent.rglob("*.md")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def test_no_text_reads_as_translated():
    found = [f"{place}: {hit[0]!r}" for place, text in texts() for hit in FORBIDDEN.finditer(" ".join(text.split()))]
    assert found == []


@pytest.mark.parametrize("phrase", ["who is to blame", "the scores let expect", "321 came to qualify", "below the bar"])
def test_what_reads_as_translated_is_seen(phrase):
    assert FORBIDDEN.search(phrase)
