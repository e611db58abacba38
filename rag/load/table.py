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
_VALUE = re.compile(r"[-−+(]?[$€£¥]?\s*\d[\d.,:/\-\s%)]*")


def row_line(header: Sequence[str], cells: Sequence[str]) -> str:
    """`Header: cell; Header: cell.` with empty cells left out; a cell without a header stands alone."""
    pairs = zip_longest(header, cells, fillvalue="")
    named = [(_one_line(name).rstrip(":"), _one_line(cell)) for name, cell in pairs]
    line = "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)
    return line if not line or line.endswith((".", "!", "?")) else line + "."


def named_rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows below a header, one line each."""
    return "\n".join(line for row in rows if (line := row_line(header, row)))


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """A table without a marked header: captions as they are, then rows, by the names in the first row if it has any."""
    captions, rows = captions_above(rows)
    names = is_header(rows[0]) if len(rows) > 1 else False
    lines = named_rows(rows[0], rows[1:]) if names else named_rows([], rows)
    return "\n\n".join([*captions, lines] if lines else captions)


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
    csv.field_size_limit(len(text) + 1)  # of the process; cells of more than 131,072 characters are refused by default
    captions, rows = captions_above(list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))))
    names = [name.replace("_", " ") for name in rows[0]] if len(rows) > 1 and is_header(rows[0]) else []
    width = max((len(row) for row in rows), default=0)
    header = [*names, *(f"Column {number}" for number in range(len(names) + 1, width + 1))]
    return Extract("\n\n".join([*captions, named_rows(header, rows[1:] if names else rows)]))


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
