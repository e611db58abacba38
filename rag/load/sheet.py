"""Spreadsheets → each sheet a section, each table in it by the names of its columns, values as a person reads them.

Of the formats of numbers in .xlsx, which python-calamine does not give, those that change what a number says are
followed: per cent, currencies and leading zeros. Digits are not rounded, other units that a format adds are left out.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias
from zipfile import ZipFile

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.package import (
    OLE,
    Properties,
    attribute,
    check_archive,
    name_of,
    part,
    properties,
    related,
    relations,
    words,
)
from rag.load.table import captions_above, has_names, is_header, is_value, named_rows, unnamed_rows

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

Rows: TypeAlias = Sequence[Sequence[str]]
Place: TypeAlias = tuple[int, int]  # row and column

_MOST_CELLS = 2_000_000  # of a sheet, empty ones between others too: python-calamine 0.9 holds a place for each
_DEFAULT_NAME = re.compile(
    r"(?:sheet|tabelle|feuil|hoja|foglio|planilha|blad|ark|лист|工作表|シート) ?\d*", re.IGNORECASE
)
_FILLED_CELL = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3}\d{1,7})["'](?:[^<>]{0,200}[^<>/])?+>""")
_STYLED_CELL = re.compile(rb"""<(?:\w+:)?c r=["']([A-Z]{1,3})(\d{1,7})["'] s=["'](\d{1,5})["']""")
_CURRENCY = re.compile(r"[$€£¥₹]|USD|EUR|GBP|CHF")
_LONGEST_FORMAT = 255  # characters, in Excel
_PERCENTS = {"9": "0%", "10": "0.00%"}  # formats that every workbook has
_LETTERS, _DIGITS = string.ascii_letters.encode(), string.digits.encode()
_CHUNK = 2**20  # bytes
_HEADER_ROWS = 3  # at most, in a header of cells over several columns


@dataclass(frozen=True, slots=True)
class _Table:
    """A part of a sheet with nothing around it, and the columns of the sheet that its cells are in."""

    rows: Rows
    columns: tuple[int, ...]
    top: int


@dataclass(frozen=True, slots=True)
class _Format:
    """What the format of a cell adds to its number."""

    before: str
    after: str
    digits: int  # at least, with zeros in front

    def shown(self, value: float) -> str:
        """The number as the sheet shows it, all its digits kept."""
        number = plain_number(abs(value) * (100 if self.after == "%" else 1))
        return "-" * (value < 0) + self.before + number.zfill(self.digits if number.isdecimal() else 0) + self.after


@dataclass(frozen=True, slots=True)
class _Details:
    """What python-calamine does not give of a sheet."""

    formats: Mapping[Place, _Format]
    asides: Sequence[str] = ()  # text boxes and comments


def read_sheet(path: Path) -> Extract:
    """The sheets of an Excel or OpenDocument workbook, hidden ones too; title, author and date from its properties."""
    found, details = Properties(), dict[str, _Details]()
    with path.open("rb") as file:
        if file.read(4) != OLE or path.suffix.lower() != ".xls":  # an .xls may hold whatever the others hold
            check_archive(path)
            _check_extent(path)
            found, details = properties(path), _details(path)
        file.seek(0)
        sections = list(_sections(file, path.suffix, details))
    return Extract("\n\n".join(sections), found.title, found.date, found.author, found.language)


def plain_number(value: float) -> str:
    """A number as a person reads it: 3 for 3.0, 0.3 for 0.1 + 0.2, no exponent below 10^21."""
    text = f"{value + 0:.15g}"  # digits that a sheet keeps; -0 becomes 0
    return f"{Decimal(text):f}" if "e" in text and 1e-9 < abs(value) < 1e21 else text


def _details(path: Path) -> dict[str, _Details]:
    """By the name of the sheet; empty for the other formats."""
    with ZipFile(path) as archive:
        main = related(archive, "", "officeDocument")
        if not main.endswith(".xml"):
            return {}
        parts, formats = relations(archive, main), _formats(part(archive, related(archive, main, "styles")))
        sheets = [(attribute(sheet, "name"), attribute(sheet, "id")) for sheet in part(archive, main).iter("{*}sheet")]
        names = {name: parts[number][1] for name, number in sheets if number in parts}
        return {
            name: _Details(_formatted(archive.read(sheet), formats), tuple(_asides(archive, sheet)))
            for name, sheet in names.items()
            if sheet in archive.NameToInfo
        }


def _formats(styles: Any) -> dict[int, _Format]:
    """The formats that add something, by the number of the style of a cell."""
    codes = {attribute(code, "numFmtId"): attribute(code, "formatCode") for code in styles.iter("{*}numFmt")}
    looks = enumerate(styles.iterfind("{*}cellXfs/{*}xf"))
    found = {number: _format((_PERCENTS | codes).get(attribute(look, "numFmtId"), "")) for number, look in looks}
    return {number: form for number, form in found.items() if form}


def _format(code: str) -> _Format | None:
    """What `0.0%`, `#,##0.00 "€"`, `[$$-409]#,##0` or `00000` add; None for other formats."""
    if len(code) > _LONGEST_FORMAT:
        return None
    code = re.sub(r"\[\$([^\]-]*)[^\]]*\]", r'"\1"', code.partition(";")[0])
    pieces = re.fullmatch(r"([^0#?]*)([0#?][0#?,.]*(?<!,))([^0#?,]*)", re.sub(r'\[[^\]]*\]|[_*].|[\\"]', "", code))
    if pieces is None:
        return None
    before, digits, after = pieces[1].strip(), pieces[2], pieces[3].strip()
    if before + after == "" and re.fullmatch("0{2,15}", digits):
        return _Format("", "", len(digits))
    if before == "" and after == "%":
        return _Format("", "%", 0)
    if not _CURRENCY.fullmatch(before + after):
        return None
    return _Format(before + " " * before.isalpha(), f" {after}" if after else "", 0)


def _formatted(sheet: bytes, formats: Mapping[int, _Format]) -> dict[Place, _Format]:
    if not formats:
        return {}
    cells = ((row, column, formats.get(int(style))) for column, row, style in _STYLED_CELL.findall(sheet))
    return {(int(row) - 1, _number(column) - 1): form for row, column, form in cells if form}


def _asides(archive: ZipFile, sheet: str) -> Iterator[str]:
    """The text boxes on a sheet and the comments on its cells."""
    for kind, name in relations(archive, sheet).values():
        if kind == "drawing":
            yield from (
                "\n".join(map(words, box.iter("{*}p"))).strip() for box in part(archive, name).iter("{*}txBody")
            )
        elif kind == "comments":
            for comment in part(archive, name).iter("{*}comment"):
                text = " ".join("".join(map(words, comment)).split())
                if text.startswith("[Threaded comment]"):  # a notice to older programs stands before the words
                    text = text.partition("Comment: ")[2]
                yield f"Comment on {attribute(comment, 'ref')}: {text}" if text else ""


def _sections(file: IO[bytes], suffix: str, details: Mapping[str, _Details]) -> Iterator[str]:
    """Each sheet that is not empty, below its name."""
    try:
        workbook = _opened(file, suffix)
        names = workbook.sheet_names
        for number, name in enumerate(names):
            told = details.get(name, _Details({}))
            if text := "\n\n".join(filter(None, [_text(workbook.get_sheet_by_index(number), told), *told.asides])):
                is_named = len(names) > 1 or not _DEFAULT_NAME.fullmatch(name)
                yield f"## {' '.join(name.split())}\n\n{text}" if is_named else text
    except BaseException as error:  # a panic of python-calamine 0.9 is no Exception; 3 of 800 damaged .xls raised it
        if type(error).__name__ != "PanicException":
            raise
        raise LoadError(f"it is not a whole {suffix} file; open it and save it again") from error


def _opened(file: IO[bytes], suffix: str) -> "CalamineWorkbook":
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_filelike(file)
    except PasswordError as error:
        raise LoadError(f"it is locked with a password; save it as {suffix} without one") from error
    except CalamineError as error:
        raise LoadError(f"it is not a whole {suffix} file ({error}); open it and save it again") from error


def _text(sheet: "CalamineSheet", details: _Details) -> str:
    values = sheet.to_python()
    rows = [[_cell(value) for value in row] for row in values]
    _show(rows, values, sheet.start or (0, 0), details.formats)
    wide = _merged(rows, sheet)
    names: dict[tuple[int, ...], Sequence[str]] = {}
    texts = []
    for table in _tables(rows, tuple(range(max(map(len, rows), default=0))), 0):
        texts.append(_table_text(table, wide, names))
    return "\n\n".join(filter(None, texts))


def _show(rows: list[list[str]], values: Any, start: Place, formats: Mapping[Place, _Format]) -> None:
    """Write the numbers that have a format as it says."""
    for (row, column), form in formats.items():
        at, place = row - start[0], column - start[1]
        if 0 <= at < len(values) and 0 <= place < len(values[at]) and type(values[at][place]) in (int, float):
            rows[at][place] = form.shown(values[at][place])


def _cell(value: Any) -> str:
    match value:
        case bool():
            return str(value).upper()
        case int() | float():
            return plain_number(value)
        case datetime():
            day = value.date().isoformat()
            return day if value.time() == time() else f"{day} {_clock(value.time())}"
        case date():
            return value.isoformat()
        case time():
            return _clock(value)
        case timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        case _:
            return str(value).strip()


def _clock(value: time) -> str:
    return value.isoformat("seconds" if value.second else "minutes")


def _merged(rows: list[list[str]], sheet: "CalamineSheet") -> dict[Place, int]:
    """Give each row what a cell over several rows says; where cells over several columns are, and how many."""
    top, left = sheet.start or (0, 0)
    height, width = len(rows), max(map(len, rows), default=0)
    wide: dict[Place, int] = {}
    spare = height * width  # ranges do not overlap, so that they cannot have more cells than the sheet
    for (first, start), (last, end) in sheet.merged_cell_ranges or ():
        row, column = first - top, start - left
        if not (0 <= row < height and 0 <= column < width):
            continue
        if end > start:
            wide[row, column] = min(end - start + 1, width - column)
            continue
        below = range(row + 1, min(last - top + 1, height))
        spare -= len(below)
        for number in below if spare >= 0 else ():
            if any(rows[number]):
                rows[number][column] = rows[row][column]
    return wide


def _tables(rows: Rows, columns: tuple[int, ...], top: int) -> Iterator[_Table]:
    """The tables of a sheet: parted by empty rows, then by empty columns where each side is a table by itself."""
    for first, last in _runs([any(row) for row in rows]):
        band = rows[first:last]
        filled = [any(column) for column in zip(*band, strict=True)]
        runs = _runs(filled)
        sides = [[row[start:end] for row in band] for start, end in runs]
        if len(runs) > 1 and all(map(_stands_alone, sides)):
            for (start, end), side in zip(runs, sides, strict=True):
                yield from _tables(side, columns[start:end], top + first)
        else:
            kept = [number for number, has_text in enumerate(filled) if has_text]
            cells = [[row[number] for number in kept] for row in band]
            yield _Table(cells, tuple(columns[number] for number in kept), top + first)


def _runs(filled: Sequence[bool]) -> list[tuple[int, int]]:
    """The stretches without a gap: first, and the one after the last."""
    edges = [
        number
        for number, (before, after) in enumerate(zip([False, *filled], [*filled, False], strict=True))
        if before != after
    ]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _stands_alone(rows: Rows) -> bool:
    """True for a table with a header whose rows begin with words or dates, not with the figures of another table."""
    _, below = captions_above(rows)
    starts = [row[0] for row in below[1:] if row[0]]
    named = sum(not is_value(start) or "-" in start[1:] for start in starts)
    return len(below) > 1 and len(below[0]) > 1 and is_header(below[0]) and 2 * named > len(starts)


def _table_text(table: _Table, wide: Mapping[Place, int], names: dict[tuple[int, ...], Sequence[str]]) -> str:
    """Captions, then rows by the names of the columns: its own, or those of the table above in the same columns."""
    captions, rows = captions_above(table.rows)
    above = len([row for row in table.rows if any(row)]) - len(rows)
    header, depth = _header(rows, _spans(table, wide, above))
    if depth:
        names[table.columns] = header
    known = names.get(table.columns, ())
    if len(table.columns) == 1 and not known:
        return "\n".join(row[0] for row in rows)
    lines = named_rows(known, rows[depth:]) if known else unnamed_rows(rows)
    return "\n\n".join(filter(None, [*captions, lines]))


def _spans(table: _Table, wide: Mapping[Place, int], above: int) -> list[dict[int, int]]:
    """For each of the first rows below the captions, the cells over several columns: where → how many."""
    spans = []
    for row in range(table.top + above, table.top + above + _HEADER_ROWS):
        found = {}
        for number, column in enumerate(table.columns):
            if width := wide.get((row, column), 0):
                found[number] = sum(column <= other < column + width for other in table.columns[number:])
        spans.append({number: count for number, count in found.items() if count > 1})
    return spans


def _header(rows: Rows, spans: Sequence[Mapping[int, int]]) -> tuple[list[str], int]:
    """The names of the columns and how many rows they take; names over several columns stand before those below."""
    depth = next((number for number, cells in enumerate(spans) if not cells), len(spans)) + 1
    if len(rows) <= depth:
        return [], 0
    top = [_spread(row, cells) for row, cells in zip(rows[:depth], spans, strict=False)]
    names = [" ".join(dict.fromkeys(filter(None, column))).replace("_", " ") for column in zip(*top, strict=True)]
    if has_names([names, *rows[depth:]]):
        return names, depth
    has_values = any(is_value(cell) for row in top for cell in row)
    return (names, depth) if len(names) > 2 and is_header(names) and not has_values else ([], 0)


def _spread(row: Sequence[str], spans: Mapping[int, int]) -> list[str]:
    cells = list(row)
    for number, count in spans.items():
        cells[number : number + count] = [row[number]] * count
    return cells


def _check_extent(path: Path) -> None:
    """Raise LoadError before python-calamine makes a grid for cells that lie far apart; it ends the whole process."""
    with ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as stream:
                rows, columns = _extent(member.filename, stream)
            if rows * columns > _MOST_CELLS:
                raise LoadError(
                    f"a sheet of it has cells as far as row {rows:,} and column {columns:,}; "
                    f"at most {_MOST_CELLS:,} cells are read, so clear the far ones or split it"
                )


def _extent(name: str, stream: IO[bytes]) -> Place:
    """The last row and the last column with a cell that is not empty; zeros for a part that is no sheet."""
    if name == "content.xml":
        return _extent_of_rows(stream)
    is_binary = name.endswith(".bin") and "sheet" in name
    return _extent_of_records(stream.read()) if is_binary else _extent_of_cells(stream)


def _extent_of_cells(stream: IO[bytes]) -> Place:
    """The extent of a sheet of Excel in XML, by the names of its cells."""
    rest, last_row, last_column = b"", 0, 0
    while chunk := stream.read(_CHUNK):
        text = rest + chunk
        names = b" ".join(_FILLED_CELL.findall(text))
        last_row = max([last_row, *map(int, set(names.translate(None, _LETTERS).split()))])
        last_column = max([last_column, *map(_number, set(names.upper().translate(None, _DIGITS).split()))])
        rest = text[text.rfind(b"<") :][-_CHUNK:]
    return last_row, last_column


def _number(column: bytes) -> int:
    """The number of a column from its letters."""
    return reduce(lambda number, letter: number * 26 + letter - 64, column, 0)


def _extent_of_rows(stream: IO[bytes]) -> Place:
    """The extent of all sheets of an OpenDocument file below one another: python-calamine holds them at once."""
    from lxml import etree  # type: ignore[import-untyped]  # lxml 6.1 carries no types

    rows = last_row = row = last_column = 0
    for _, element in etree.iterparse(
        stream, tag=("{*}table-row", "{*}table"), resolve_entities=False, no_network=True, huge_tree=False
    ):
        if name_of(element) == "table":
            rows, last_row, row = rows + last_row, 0, 0
        else:
            row += _repeated(element, "rows")
            if columns := _filled_columns(element):
                last_row, last_column = row, max(last_column, columns)
        element.clear()
    return rows + last_row, last_column


def _filled_columns(row: Any) -> int:
    """The number of columns up to the last cell that is not empty."""
    column = last = 0
    for cell in row:
        column += _repeated(cell, "columns")
        if len(cell) or attribute(cell, "value-type"):
            last = column
    return last


def _repeated(element: Any, kind: str) -> int:
    count = attribute(element, f"number-{kind}-repeated")
    return int(count) if count.isdecimal() and len(count) < 12 else 1


def _extent_of_records(data: bytes) -> Place:
    """The extent of a sheet of Excel in binary records: a number, a length in groups of 7 bits, then as many bytes."""
    at = row = last_row = last_column = 0
    while at < len(data) - 8:
        kind, at = _packed(data, at, 2)
        size, at = _packed(data, at, 4)
        if kind == 0:  # a row begins
            row = int.from_bytes(data[at : at + 4], "little") + 1
        elif 2 <= kind <= 11:  # a cell with a value
            last_row = max(last_row, row)
            last_column = max(last_column, int.from_bytes(data[at : at + 4], "little") + 1)
        at += size
    return last_row, last_column


def _packed(data: bytes, at: int, most: int) -> tuple[int, int]:
    """A number in groups of 7 bits, the lowest first, and where the next one begins."""
    number = 0
    for group, byte in enumerate(data[at : at + most]):
        number |= (byte & 0x7F) << 7 * group
        if byte < 0x80:
            return number, at + group + 1
    return number, at + most
