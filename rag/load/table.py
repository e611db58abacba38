"""Tables → one line per row, each cell with its column's name; and the loader of .csv and .tsv."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile, zip_longest
from pathlib import Path

from rag.load.extract import Extract
from rag.load.text import read_decoded

_SAMPLE = 65_536  # characters looked at to find the delimiter
_YEAR = re.compile(r"(?:19|20)\d\d")
_SHORT_SENTENCE = 3  # spaces
_VALUE = re.compile(r"[-−+(]?(?:[$€£¥]|USD|EUR|GBP|CHF)?\s*\d[\d.,:/\-\s%)]*(?:[$€£¥]|USD|EUR|GBP|CHF)?")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}(?:[-./]\d{1,4})?")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LOOKED_AT = 1000  # rows in which evidence for a header is sought
_MOSTLY = 0.75  # of the cells in a column: some say n/a or -
_REPEATING = 4  # rows from which a column can be seen to repeat itself
_LAST_WORDS = ("name", "date", "number", "no", "id", "code", "type")  # of names with more words: `First name`
_USUAL_NAMES = frozenset(  # of columns, and hardly ever values in a first row
    "id no nr number code key name surname title type kind category class group status state level role position job"
    " department team owner author person customer client supplier company organisation"
    " organization country region city town place location address street venue room date day month year quarter week"
    " time start end from to until hours duration period age amount quantity qty count total sum price cost costs fee"
    " rate value val unit units size weight area population description note notes comment comments remark remarks"
    " details summary text question answer term meaning definition item product service task activity event topic"
    " subject language email e-mail phone telephone mobile website url source link file version who what when where"
    " why how visitors guests score points rank result results percent share budget income revenue".split()
)


def row_line(header: Sequence[str], cells: Sequence[str]) -> str:
    """`Header: cell; Header: cell.` with empty cells left out; a cell without a header stands alone."""
    pairs = zip_longest(header, cells, fillvalue="")
    named = [(_one_line(name).rstrip(":"), _one_line(cell)) for name, cell in pairs]
    line = "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)
    return line if not line or line.endswith((".", "!", "?")) else line + "."


def named_rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows below a header, one line each."""
    return "\n".join(line for row in rows if (line := row_line(header, row)))


def table_text(rows: Sequence[Sequence[str]], *, is_marked: bool = False) -> str:
    """A table: captions as they are, then rows by the names in the first row if it has any.

    In a table of two columns the first row is as likely a pair like the others: it names the columns only where the
    format marks it as a header or the rows below show that it is one.
    """
    captions, rows = captions_above(rows)
    is_wide = max(map(len, rows), default=0) > 2
    is_named = len(rows) > 1 and (has_names(rows) or ((is_wide or is_marked) and is_header(rows[0])))
    lines = named_rows(rows[0], rows[1:]) if is_named else unnamed_rows(rows)
    return "\n\n".join([*captions, lines] if lines else captions)


def unnamed_rows(rows: Sequence[Sequence[str]]) -> str:
    """Rows without names of columns: `Manager: Kim Lee.` where each is a different name and its value, else cells."""
    names = [row[0].strip() for row in rows if row]
    is_paired = (
        len(rows) > 1
        and all(len(row) == 2 for row in rows)
        and all(names)
        and len(set(names)) == len(names)
        and not any(is_value(name) or _YEAR.fullmatch(name) or _ends(name) for name in names)
    )
    lines = [(is_paired and row_line(row[:1], row[1:])) or row_line([], row) for row in rows]
    return "\n".join(filter(None, lines))


def has_names(rows: Sequence[Sequence[str]]) -> bool:
    """True if the first row names the columns, as the rows below show or its own words: `in_office_since`, `City`."""
    if len(rows) < 2:
        return False
    names = [cell.strip() for cell in rows[0]]
    columns = [[cell.strip() for cell in column] for column in zip_longest(*rows[1:_LOOKED_AT], fillvalue="")][
        : len(names)
    ]
    if _are_dates(names[1:]) and names[0] and not is_value(names[0]):
        return all(_are_numbers(column) for column in columns[1:]) and not _are_numbers(columns[0])
    pairs = [(name, column) for name, column in zip(names, columns, strict=False) if name]
    if any(is_value(name) for name, _ in pairs) or len(pairs) < len(names) - 1 or not pairs:
        return False
    if len(names) != 2 and any(column and not _ends(name) and all(map(_ends, column)) for name, column in pairs):
        return True
    if any(_are_values(column) and not _YEAR.fullmatch(name) for name, column in pairs):
        return True
    if len({name for name, _ in pairs}) < len(pairs) or any(_ends(name) for name, _ in pairs):
        return False
    return (
        _are_usual([name for name, _ in pairs])
        or _differ_in_kind(pairs)
        or _repeats(pairs[: 1 if len(names) < 3 else None])
    )


def _are_dates(names: Sequence[str]) -> bool:
    """True for two or more different years or dates; one alone may be the value of a pair."""
    return len(set(names)) == len(names) > 1 and all(_DATE.fullmatch(name) or _YEAR.fullmatch(name) for name in names)


def _are_numbers(column: Sequence[str]) -> bool:
    """True if most of the filled cells are values and none is a date."""
    return _are_values(column) and not any(_DATE.fullmatch(cell) and "." not in cell for cell in column)


def _are_values(column: Sequence[str]) -> bool:
    filled = [cell for cell in column if cell]
    count = sum(bool(_VALUE.fullmatch(cell)) for cell in filled)
    return count > 0 and count >= _MOSTLY * len(filled)


def _are_usual(names: Sequence[str]) -> bool:
    """True if most names after the first are usual ones: in a pair of `Name` and `Ann` only the first is."""
    usual = [_is_usual(name.partition("(")[0].replace("_", " ").strip(" .:?").lower()) for name in names]
    return 2 * sum(usual[1:] or usual) > len(usual[1:] or usual)


def _is_usual(name: str) -> bool:
    return name in _USUAL_NAMES or name.rpartition(" ")[2] in _LAST_WORDS


def _differ_in_kind(pairs: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """True for names such as `city` or `CITY` above cells that are not written like that."""
    names = [name for name, _ in pairs]
    below = [cell for _, column in pairs for cell in column if cell]
    if all(map(_IDENTIFIER.fullmatch, names)):
        return any("_" in name for name in names) or 2 * sum(map(bool, map(_IDENTIFIER.fullmatch, below))) < len(below)
    return all(map(str.isupper, names)) and 2 * sum(map(str.isupper, below)) < len(below)


def _repeats(pairs: Sequence[tuple[str, Sequence[str]]]) -> bool:
    """True if a column says a few words again and again, and not the one in its first row."""
    filled = [(name, [cell for cell in column if cell]) for name, column in pairs]
    return any(
        len(column) >= _REPEATING and 2 * len(set(column)) <= len(column) and name not in column
        for name, column in filled
    )


def captions_above(rows: Sequence[Sequence[str]]) -> tuple[list[str], list[Sequence[str]]]:
    """The first rows that have one cell where the table has more, and the other rows; empty rows go."""
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    width = max((len(row) for row in filled), default=0)
    captions = [_only_cell(row) for row in takewhile(_only_cell, filled[:-1])] if width > 1 else []
    return captions, filled[len(captions) :]


def is_header(row: Sequence[str]) -> bool:
    """True if a row may name columns: different words or years, no values or sentences, at most one cell empty."""
    names = [cell.strip() for cell in row if cell.strip()]
    return len(set(names)) == len(names) >= len(row) - 1 and not any(is_value(name) or _ends(name) for name in names)


def is_value(cell: str) -> bool:
    """True for a number, an amount or a date in figures, but not for a year, which may name a column."""
    return bool(_VALUE.fullmatch(cell)) and not _YEAR.fullmatch(cell)


def _ends(cell: str) -> bool:
    """True for a sentence; `No.` and `Avg. per day` are none."""
    return cell.endswith((".", "!")) and cell.count(" ") >= _SHORT_SENTENCE


def read_table(path: Path) -> Extract:
    """Each row of a delimited file on a line, with captions above the table as they are."""
    text = read_decoded(path)
    most = max(csv.field_size_limit(), len(text) + 1)  # by default cells of more than 131,072 characters are refused
    csv.field_size_limit(most)
    captions, rows = captions_above(list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))))
    if not has_names(rows):
        return Extract("\n\n".join([*captions, unnamed_rows(rows)]))
    names = [name.replace("_", " ") for name in rows[0]]
    width = max(map(len, rows))
    header = [*names, *(f"Column {number}" for number in range(len(names) + 1, width + 1))]
    return Extract("\n\n".join([*captions, named_rows(header, rows[1:])]))


def _only_cell(row: Sequence[str]) -> str:
    """The text of the one cell that is not empty, or nothing where there are more."""
    filled = [_one_line(cell) for cell in row if cell.strip()]
    return filled[0] if len(filled) == 1 else ""


def _delimiter(text: str) -> str:
    """The separator that cuts the first records most evenly into the most cells.

    csv.Sniffer (3.11) guesses from letter counts and took `e` for a delimiter in files with one column.
    """
    sample = text[:_SAMPLE]

    def evenness(delimiter: str) -> float:
        widths = Counter(len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row)
        wide = [(count, width) for width, count in widths.items() if width > 1]
        return max(count * min(width, 3) for count, width in wide) / widths.total() if wide else 0.0

    return max(",\t;|", key=evenness)


def _one_line(cell: str) -> str:
    return " ".join(cell.split())
