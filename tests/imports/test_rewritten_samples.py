"""The same exports saved in other ways, by other programs and other people, give the same tables."""

import csv
import gzip
import io
import re
import shutil
import zipfile

import pandas as pd
import pytest

from leadscore.imports.build import import_tables
from tests.imports.test_samples import VENDORS, rows_of
from tests.support.workbooks import write_xlsx

pytestmark = pytest.mark.real


def text_of(rows, delimiter=",", end="\n", quoting=csv.QUOTE_MINIMAL):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue()


def whole(rows):
    """The rows, each as long as the header."""
    return [row + [""] * (len(rows[0]) - len(row)) for row in rows]


def widened(rows):
    """With a column without a name, and two of one name that nobody asks for."""
    head, *others = whole(rows)
    return [[*head, "", "extra", "extra"], *([*row, "", "x", "y"] for row in others)]


def zipped(rows):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("export.csv", text_of(rows))
    return out.getvalue()


def workbook(rows):
    out = io.BytesIO()
    write_xlsx(out, {"Export": rows})
    return out.getvalue()


WAYS = {
    "UTF-16": ("csv", lambda rows: text_of(rows).encode("utf-16")),
    "UTF-8 with its mark": ("csv", lambda rows: text_of(rows).encode("utf-8-sig")),
    "cp1252, all quoted": ("csv", lambda rows: text_of(rows, end="\r\n", quoting=csv.QUOTE_ALL).encode("cp1252")),
    "semicolons": ("csv", lambda rows: text_of(rows, ";").encode()),
    "sep=": ("csv", lambda rows: b"sep=|\r\n" + text_of(rows, "|", "\r\n").encode()),
    "tabs": ("csv", lambda rows: text_of(rows, "\t", "\r").encode()),
    "blank lines": (
        "csv",
        lambda rows: re.sub(r"\n(?=[^\n])", "\n\n", "\n" + text_of(rows, quoting=csv.QUOTE_ALL)).encode(),
    ),
    "more columns": ("csv", lambda rows: text_of(widened(rows)).encode()),
    "columns in another order": ("csv", lambda rows: text_of([row[::-1] for row in whole(rows)]).encode()),
    "rows in another order": ("csv", lambda rows: text_of([rows[0], *rows[:0:-1]]).encode()),
    "gz": ("csv.gz", lambda rows: gzip.compress(text_of(rows).encode())),
    "zip": ("zip", zipped),
    "a workbook": ("xlsx", workbook),
}


def rows_in(path):
    raw = path.read_bytes()
    encoding = "cp1252" if path.parent.name in {"excel_de", "salesforce"} else "utf-8-sig"
    text = raw.decode(encoding)
    delimiter = ";" if text.startswith("sep=;") else ","
    lines = io.StringIO(re.sub("^sep=;\r?\n", "", text), newline="")
    return [row for row in csv.reader(lines, delimiter=delimiter) if row]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_an_export_saved_in_another_way_gives_the_same_tables(folder, vendor, way, tmp_path):
    exports, (ending, rewritten) = folder / "exports" / vendor, WAYS[way]
    for path in exports.iterdir():
        if path.suffix == ".csv":
            (tmp_path / f"{path.stem}.{ending}").write_bytes(rewritten(rows_in(path)))
        elif path.is_file():
            shutil.copyfile(path, tmp_path / path.name)
    text = (exports / "data.yaml").read_text().replace("encoding: cp1252", "skip_rows: 0").replace(".csv", f".{ending}")
    (tmp_path / "data.yaml").write_text(text)
    imported = import_tables(tmp_path / "data.yaml")
    for name in ("leads", "events", "outcomes"):
        right = pd.read_csv(exports / "expected" / f"{name}.csv", dtype=str, keep_default_na=False)
        assert rows_of(getattr(imported, name), right.columns) == sorted(map(tuple, right.to_numpy().tolist()))
