"""Workbooks made by hand, as small as Excel and LibreOffice would still open them."""

import datetime as dt
import zipfile
from xml.sax.saxutils import escape, quoteattr

_NUMBERS = "application/vnd.openxmlformats-officedocument"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's day 0, a wall clock


class Fault(str):
    """A cell that holds an error, as #N/A."""

    __slots__ = ()


def letters(column):
    """A, B, .. Z, AA: the name of a column, from 0."""
    return (letters(column // 26 - 1) if column > 25 else "") + chr(65 + column % 26)


def xlsx_cell(value, place):
    if value in {None, ""}:
        return ""
    if isinstance(value, Fault):
        return f'<c r="{place}" t="e"><v>{value}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, dt.date):
        day = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
        style = 1 if isinstance(value, dt.datetime) else 2
        return f'<c r="{place}" s="{style}"><v>{(day - _EPOCH) / dt.timedelta(days=1)!r}</v></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


_TYPES = """<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/>
<Override PartName="/xl/styles.xml" ContentType="{office}.styles+xml"/>
{sheets}</Types>"""
_SHEET = '<Override PartName="/xl/worksheets/sheet{}.xml" ContentType="{office}.worksheet+xml"/>'
_STYLES = '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="14"/></cellXfs>'


def relations(targets):
    """The file that says where parts stand: kind and place of each, called r0, r1, .."""
    lines = [
        f'<Relationship Id="r{number}" Type="{_OFFICE}/relationships/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets)
    ]
    about = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{about}">{"".join(lines)}</Relationships>'


def sheet_xml(rows, first_row):
    lines = []
    for number, cells in enumerate(rows, first_row):
        held = "".join(xlsx_cell(value, f"{letters(column)}{number}") for column, value in enumerate(cells))
        lines.append(f'<row r="{number}">{held}</row>')
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def write_xlsx(path, sheets, *, hidden=(), first_row=1):
    """Sheets by name as rows of cells; the cells begin in row `first_row`."""
    office = f"{_NUMBERS}.spreadsheetml"
    listed, named = "", ""
    for number, name in enumerate(sheets, 1):
        listed += _SHEET.format(number, office=office)
        state = ' state="hidden"' if name in hidden else ""
        named += f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="r{number}"{state}/>'
    books = f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><sheets>{named}</sheets></workbook>'
    parts = {
        "[Content_Types].xml": _TYPES.format(office=office, sheets=listed),
        "_rels/.rels": relations([("officeDocument", "xl/workbook.xml")]),
        "xl/_rels/workbook.xml.rels": relations(
            [("styles", "styles.xml"), *(("worksheet", f"worksheets/sheet{n + 1}.xml") for n in range(len(sheets)))]
        ),
        "xl/workbook.xml": books,
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{_STYLES}</styleSheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)
        for number, rows in enumerate(sheets.values(), 1):
            file.writestr(f"xl/worksheets/sheet{number}.xml", sheet_xml(rows, first_row))
    return path


def write_ods(path, rows):
    """One sheet of text."""
    kind = 'office:value-type="string"'
    lines = [
        [f"<table:table-cell {kind}><text:p>{escape(cell)}</text:p></table:table-cell>" for cell in row] for row in rows
    ]
    cells = "".join(f"<table:table-row>{''.join(line)}</table:table-row>" for line in lines)
    about = "urn:oasis:names:tc:opendocument:xmlns"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{about}:manifest:1.0"/>')
        file.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{about}:office:1.0" xmlns:table="{about}:table:1.0" '
            f'xmlns:text="{about}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Sheet1">{cells}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return path
