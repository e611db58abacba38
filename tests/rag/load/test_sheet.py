"""Workbooks: sheets, the tables in them, and values as a person reads them."""

import struct
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from rag.errors import LoadError
from rag.load.sheet import plain_number, read_sheet

Rows = Iterable[Any]  # sequences of cells


def workbook(folder: Path, fill: Callable[[Any], object]) -> Path:
    """An Excel file that a function fills."""
    path = folder / "book.xlsx"
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"})
    fill(book)
    book.close()
    return path


def text_of(folder: Path, rows: Rows) -> str:
    """What is read from a sheet with these cells."""
    return str(read_sheet(workbook(folder, lambda book: filled(book.add_worksheet(), rows))).text)


def filled(sheet: Any, rows: Rows) -> Any:
    """The sheet with these cells in its first rows and columns."""
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    return sheet


def test_rows_carry_the_names_of_their_columns(tmp_path: Path) -> None:
    """Captions stay above; each row has the words of its header; the default name of the only sheet is no heading."""
    rows = [["Visits of 2023"], ["Month", "Guests"], ["May", 12], ["June", 7.5]]

    assert text_of(tmp_path, rows) == "Visits of 2023\n\nMonth: May; Guests: 12.\nMonth: June; Guests: 7.5."


def test_each_sheet_is_a_section(tmp_path: Path) -> None:
    """Sheets have their names as headings, hidden ones too; empty ones are left out."""

    def fill(book: Any) -> None:
        filled(book.add_worksheet("Plan"), [["Item", "Sum"], ["Rent", 900]])
        book.add_worksheet("Nothing")
        filled(book.add_worksheet("Old"), [["Item", "Sum"], ["Rent", 800]]).hide()

    extract = read_sheet(workbook(tmp_path, fill))

    assert extract.text == "## Plan\n\nItem: Rent; Sum: 900.\n\n## Old\n\nItem: Rent; Sum: 800."


def test_a_name_that_somebody_gave_is_a_heading(tmp_path: Path) -> None:
    """The only sheet is a section if it is called anything."""
    path = workbook(tmp_path, lambda book: filled(book.add_worksheet("Budget"), [["Words"]]))

    assert read_sheet(path).text == "## Budget\n\nWords"


def test_values_are_written_as_a_person_reads_them(tmp_path: Path) -> None:
    """Dates are ISO, numbers have no noise, formulas give their values."""

    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, [0.1 + 0.2, 3.0, True, date(2023, 6, 21)])
        forms = {2.5: "yyyy-mm-dd hh:mm", 0.375: "hh:mm", 1.5: "[h]:mm"}
        for column, (number, form) in enumerate(forms.items(), 4):
            sheet.write_number(0, column, number, book.add_format({"num_format": form}))
        sheet.write_formula(0, 7, "=1+1", None, 2)
        sheet.write_formula(0, 8, "=1/0", None, "#DIV/0!")

    extract = read_sheet(workbook(tmp_path, fill))

    assert extract.text == "0.3; 3; TRUE; 2023-06-21; 1900-01-02 12:00; 09:00; 36:00:00; 2."


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (3.0, "3"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1234567890123.0, "1234567890123"),
        (1e16, "10000000000000000"),
        (1e-7, "0.0000001"),
    ],
)
def test_numbers_have_no_exponent(number: float, words: str) -> None:
    """A number of usual size is written out."""
    assert plain_number(number) == words


def test_tables_below_one_another_have_their_own_headers(tmp_path: Path) -> None:
    """An empty row ends a table; a part without a header goes on with the names above it."""
    rows = [["City", "Area"], ["Rome", 1285], [], ["Name", "Age"], ["Ada", 36], [], ["Sum", 36], [], ["Source: a book"]]

    assert text_of(tmp_path, rows) == (
        "City: Rome; Area: 1285.\n\nName: Ada; Age: 36.\n\nName: Sum; Age: 36.\n\nSource: a book"
    )


def test_tables_beside_one_another_have_their_own_headers(tmp_path: Path) -> None:
    """An empty column parts two tables."""
    rows = [["City", "Area", "", "Name", "Age"], ["Rome", 1285, "", "Ada", 36], ["Oslo", 454, "", "Alan", 41]]

    assert text_of(tmp_path, rows) == (
        "City: Rome; Area: 1285.\nCity: Oslo; Area: 454.\n\nName: Ada; Age: 36.\nName: Alan; Age: 41."
    )


def test_an_empty_column_inside_a_table_does_not_part_it(tmp_path: Path) -> None:
    """Figures beyond a gap belong to the words that their row begins with."""
    rows = [["Item", "2022", "", "2023", "2024"], ["Rent", 800, "", 900, 950], ["Food", 300, "", 310, 320]]

    assert "Item: Rent; 2022: 800; 2023: 900; 2024: 950." in text_of(tmp_path, rows)


def test_a_merged_header_names_each_column_under_it(tmp_path: Path) -> None:
    """The name over several columns stands before each of their own names; one over two rows stands once."""

    def fill(book: Any) -> None:
        sheet = filled(book.add_worksheet(), [[], ["", "Q1", "Q2", "Q1", "Q2"], ["Rome", 1, 2, 3, 4]])
        sheet.merge_range("A1:A2", "City")
        sheet.merge_range("B1:C1", "2022")
        sheet.merge_range("D1:E1", "2023")

    text = read_sheet(workbook(tmp_path, fill)).text

    assert text == "City: Rome; 2022 Q1: 1; 2022 Q2: 2; 2023 Q1: 3; 2023 Q2: 4."


def test_a_cell_over_rows_says_the_same_in_each(tmp_path: Path) -> None:
    """Each row can be understood without the rows above it; a caption over the table stands once."""

    def fill(book: Any) -> None:
        rows = [["Cities", "", ""], ["Country", "City", "Area"], ["", "Paris", 105], ["", "Lyon", 48]]
        sheet = filled(book.add_worksheet(), rows)
        sheet.merge_range("A1:C1", "Cities")
        sheet.merge_range("A3:A4", "France")

    text = read_sheet(workbook(tmp_path, fill)).text

    assert text == "Cities\n\nCountry: France; City: Paris; Area: 105.\nCountry: France; City: Lyon; Area: 48."


def test_a_far_formatted_cell_costs_nothing(tmp_path: Path) -> None:
    """A cell with a border and no value in the last corner is as if it were not there."""

    def fill(book: Any) -> None:
        sheet = filled(book.add_worksheet(), [["Words"]])
        sheet.write_blank("XFD1048576", None, book.add_format({"bold": True}))

    assert read_sheet(workbook(tmp_path, fill)).text == "Words"


def test_far_cells_are_refused_before_a_grid_is_made(tmp_path: Path) -> None:
    """Two cells in opposite corners would take 512 GiB, and the allocation would end the process."""

    def fill(book: Any) -> None:
        filled(book.add_worksheet(), [["Words"]]).write("XFD1048576", "far")

    with pytest.raises(LoadError, match="as far as row 1,048,576 and column 16,384"):
        read_sheet(workbook(tmp_path, fill))


def test_properties_are_read(tmp_path: Path) -> None:
    """Title, author and date come from the properties."""

    def fill(book: Any) -> None:
        filled(book.add_worksheet(), [["Words"]])
        book.set_properties({"title": "Budget", "author": "Ada", "created": datetime(2023, 6, 21, tzinfo=UTC)})

    extract = read_sheet(workbook(tmp_path, fill))

    assert (extract.title, extract.author, extract.date) == ("Budget", "Ada", "2023-06-21")


OFFICE = "urn:oasis:names:tc:opendocument:xmlns"


def ods(folder: Path, rows: str, *, encrypted: bool = False) -> Path:
    """An OpenDocument workbook with these rows in its sheet."""
    path = folder / "book.ods"
    spaces = " ".join(f'xmlns:{name}="{OFFICE}:{name}:1.0"' for name in ("office", "table", "text"))
    body = f'<table:table table:name="Sheet1">{rows}</table:table>'
    lock = "<m:file-entry><m:encryption-data/></m:file-entry>" if encrypted else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{OFFICE}:manifest:1.0">{lock}</m:manifest>')
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>{body}</office:spreadsheet>"
            "</office:body></office:document-content>",
        )
    return path


def cell(value: str, more: str = "") -> str:
    """A cell with words."""
    return f'<table:table-cell office:value-type="string" {more}><text:p>{value}</text:p></table:table-cell>'


def repeated(kind: str, count: int) -> str:
    """The attribute of a cell or row that stands there many times."""
    return f'table:number-{kind}-repeated="{count}"'


def test_opendocument_is_read(tmp_path: Path) -> None:
    """Values are dates and numbers, not how they are shown; comments on cells are left out."""
    day = '<table:table-cell office:value-type="date" office:date-value="2023-06-21"><text:p>21.6.</text:p>'
    note = "<office:annotation><text:p>a guess</text:p></office:annotation>"
    guests = f'<table:table-cell office:value-type="float" office:value="12">{note}<text:p>12.00</text:p>'
    rest = f"<table:table-cell {repeated('columns', 16_384)}/>"
    rows = (
        f"<table:table-row>{cell('Day')}{cell('Guests')}</table:table-row>"
        f"<table:table-row>{day}</table:table-cell>{guests}</table:table-cell>{rest}</table:table-row>"
        f"<table:table-row {repeated('rows', 1_048_574)}>{rest}</table:table-row>"
    )

    assert read_sheet(ods(tmp_path, rows)).text == "Day: 2023-06-21; Guests: 12."


@pytest.mark.parametrize(
    "rows",
    [
        f"<table:table-row>{cell('x', repeated('columns', 10**9))}</table:table-row>",
        f"<table:table-row {repeated('rows', 10**8)}>{cell('x')}</table:table-row>",
    ],
)
def test_repeated_cells_are_refused_before_a_grid_is_made(tmp_path: Path, rows: str) -> None:
    """A short file that says that a cell is there a million times is not written out."""
    with pytest.raises(LoadError, match="cells are read"):
        read_sheet(ods(tmp_path, rows))


def test_a_locked_workbook_says_so(tmp_path: Path) -> None:
    """A password is named as the reason in every format."""
    excel = tmp_path / "book.xlsx"
    excel.write_bytes(b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"))

    for path in (excel, ods(tmp_path, "", encrypted=True)):
        with pytest.raises(LoadError, match="locked with a password"):
            read_sheet(path)


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    """A page that is called .xls is an error with a reason."""
    path = tmp_path / "export.xls"
    path.write_text("<table><tr><td>1</td></tr></table>")

    with pytest.raises(LoadError, match=r"not a \.xls file"):
        read_sheet(path)


def record(kind: int, data: bytes = b"") -> bytes:
    """A record of Excel's binary format."""
    number = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    return number + bytes([len(data)]) + data


def wide(text: str) -> bytes:
    """A string of Excel's binary format."""
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb(folder: Path, cells: Sequence[tuple[int, int, str]]) -> Path:
    """A binary workbook with these cells: row, column, words."""
    path = folder / "book.xlsb"
    sheet = record(129) + record(148, struct.pack("<4I", 0, 9, 0, 9)) + record(145)
    for row, column, text in cells:
        sheet += record(0, struct.pack("<I", row) + bytes(13)) + record(6, struct.pack("<II", column, 0) + wide(text))
    book = record(131) + record(143) + record(156, struct.pack("<II", 0, 1) + wide("rId1") + wide("Sheet1"))
    links = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    link = f'<Relationship Id="rId1" Type="{kinds}/{{}}" Target="{{}}"/>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_rels/.rels", links.format(link.format("officeDocument", "xl/workbook.bin")))
        archive.writestr("xl/workbook.bin", book + record(144) + record(132))
        archive.writestr("xl/_rels/workbook.bin.rels", links.format(link.format("worksheet", "worksheets/sheet1.bin")))
        archive.writestr("xl/worksheets/sheet1.bin", sheet + record(146) + record(130))
    return path


def test_binary_workbooks_are_read_and_their_far_cells_refused(tmp_path: Path) -> None:
    """The binary format has the same tables and the same guard."""
    near = [(0, 0, "City"), (0, 1, "Country"), (1, 0, "Rome"), (1, 1, "Italy")]

    assert read_sheet(xlsb(tmp_path, near)).text == "City: Rome; Country: Italy."
    with pytest.raises(LoadError, match="as far as row 1,048,576"):
        read_sheet(xlsb(tmp_path, [*near, (1_048_575, 16_383, "far")]))


@pytest.mark.parametrize(
    ("number", "form", "words"),
    [
        (0.125, "0.0%", "12.5%"),
        (-0.07, "0%", "-7%"),
        (1234.5, '#,##0.00 "€"', "1234.5 €"),
        (12, "[$$-409]#,##0.00", "$12"),
        (12, "[$EUR] 0", "EUR 12"),
        (1234, "00000", "01234"),
        (5551234, "000-0000", "5551234"),
        (12500000, '0.0,,"M"', "12500000"),
        (3.5, "General", "3.5"),
    ],
)
def test_a_format_that_changes_what_a_number_says_is_followed(
    tmp_path: Path, number: float, form: str, words: str
) -> None:
    """Per cent, currencies and leading zeros are read with their numbers; other formats leave them as they are."""

    def fill(book: Any) -> None:
        book.add_worksheet().write(3, 2, number, book.add_format({"num_format": form}))

    assert read_sheet(workbook(tmp_path, fill)).text == words


def test_names_and_values_are_read_as_pairs(tmp_path: Path) -> None:
    """Two columns whose first row is a pair like the others have no names of columns."""
    rows = [["Project", "Apollo"], ["Manager", "Kim Lee"], ["Budget", 12000], ["Status", "green"]]

    assert text_of(tmp_path, rows) == "Project: Apollo.\nManager: Kim Lee.\nBudget: 12000.\nStatus: green."


def test_months_and_equal_names_name_columns(tmp_path: Path) -> None:
    """Dates above numbers are names, and so is a name that stands twice."""
    months = [["Person", date(2023, 1, 1), date(2023, 2, 1)], ["Ann", 10, 20]]

    assert text_of(tmp_path, months) == "Person: Ann; 2023-01-01: 10; 2023-02-01: 20."
    assert (
        text_of(tmp_path, [["Name", "Phone", "Phone"], ["Ann", "111", "222"]]) == "Name: Ann; Phone: 111; Phone: 222."
    )


def test_text_boxes_and_comments_stand_below_their_sheet(tmp_path: Path) -> None:
    """What is written on a sheet outside its cells is read too."""

    def fill(book: Any) -> None:
        sheet = filled(book.add_worksheet(), [["Words"]])
        sheet.write_comment("A1", "a guess")
        sheet.insert_textbox(5, 5, "in a box")

    assert read_sheet(workbook(tmp_path, fill)).text == "Words\n\nin a box\n\nComment on A1: a guess"
