"""Rows that read by themselves."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.load.table import read_table, row_line, table_text

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize(
    ("header", "cells", "line"),
    [
        (["Day", "From"], ["Monday", "9:00"], "Day: Monday; From: 9:00."),
        (["Day", "From", "Note"], ["Monday", " ", "closed!"], "Day: Monday; Note: closed!"),
        (["Day:"], ["Monday", "extra"], "Day: Monday; extra."),
        (["", "2022"], ["Exports", "153.8\n(first)"], "Exports; 2022: 153.8 (first)."),
        (["Day"], [""], ""),
    ],
)
def test_a_row_names_its_cells(header: list[str], cells: list[str], line: str) -> None:
    """Each cell stands with its column's name; empty cells and white space are left out."""
    assert row_line(header, cells) == line


@given(st.lists(st.lists(st.text(alphabet="ab1.", min_size=1, max_size=5), min_size=3, max_size=3), max_size=5))
def test_no_cell_is_lost(rows: list[list[str]]) -> None:
    """The words of every cell are in the text of the table, with names of columns or without."""
    text = table_text(rows)

    assert all(cell in text for row in rows for cell in row)


@given(st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=5))
def test_any_rows_are_read(rows: list[list[str]]) -> None:
    """Ragged and empty rows are no error, and every row is one line."""
    assert len([line for line in table_text(rows).split("\n") if line]) <= len(rows)


def test_a_caption_stands_above_its_table() -> None:
    """A first row with one cell is no header."""
    text = table_text([["Visits", ""], ["Who", "Where"], ["Yellen", "Beijing"]])

    assert text == "Visits\n\nWho: Yellen; Where: Beijing."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "rows.csv",
            'name: Burns, Nicholas; in office since: 2022-01; note: Said "no" and left.\n'
            "name: William Burns.\n"
            "name: John Kerry; in office since: 2021-01-20; note: Envoy; Column 4: one cell too many.",
        ),
        (
            "captions.tsv",
            "Visits of the year\n\nWho: Yellen; Where: Beijing; Days: 4.\nWho: Kerry; Where: Beijing; Days: 4.",
        ),
        ("no-header.csv", "Column 1: 3; Column 2: 4,5; Column 3: 6.\nColumn 1: 7; Column 2: 8; Column 3: 9."),
        ("one-column.csv", "place: Vienna.\nplace: Malta."),
    ],
)
def test_each_row_of_a_delimited_file_is_a_line(name: str, expected: str) -> None:
    """Whatever the delimiter, quotes, line breaks in cells or length of rows."""
    assert read_table(DATA / name).text == expected


def test_sentences_name_no_columns() -> None:
    """A first row of whole sentences is a row like the others; short names may end in a full stop."""
    assert table_text([["Bees sleep at night."], ["Wasps do not."]]) == "Bees sleep at night.\nWasps do not."
    assert table_text([["No.", "Name"], ["1", "Ann"]]) == "No.: 1; Name: Ann."
