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
        ("no-header.csv", "3; 4,5; 6.\n7; 8; 9."),
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


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (
            ["Project|Apollo", "Manager|Kim Lee", "Deadline|5 May"],
            "Project: Apollo.\nManager: Kim Lee.\nDeadline: 5 May.",
        ),
        (
            ["Project|Apollo", "Manager|Kim", "Budget|12000", "Start|"],
            "Project: Apollo.\nManager: Kim.\nBudget: 12000.\nStart.",
        ),
        (["Paris|France", "Paris|Texas"], "Paris; France.\nParis; Texas."),
    ],
)
def test_two_columns_without_a_header_are_names_and_values(rows: list[str], text: str) -> None:
    """A first pair names no columns; where the first cells are not names of one thing each, nothing is said of them."""
    assert table_text([row.split("|") for row in rows]) == text


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        (["Tenant|Floor", "Acme|3", "Beta|4"], "Tenant: Acme; Floor: 3."),
        (["Project|Status", "Apollo|green", "Gemini|red"], "Project: Apollo; Status: green."),
        (["rule|penalty", "Late|One pound"], "rule: Late; penalty: One pound."),
        (["RULE|PENALTY", "Late|One pound"], "RULE: Late; PENALTY: One pound."),
        (["Land|Town", "France|Paris", "France|Lyon", "Spain|Jaén", "Spain|Lugo"], "Land: France; Town: Paris."),
        (["Person|2023-01-01|2023-02-01", "Ann|10|20"], "Person: Ann; 2023-01-01: 10; 2023-02-01: 20."),
        (["Who|Phone|Phone", "Ann|111|222"], "Who: Ann; Phone: 111; Phone: 222."),
    ],
)
def test_what_stands_below_shows_that_a_row_is_a_header(rows: list[str], first: str) -> None:
    """Values below words, usual names, another way of writing and repetition tell a header from a row."""
    assert table_text([row.split("|") for row in rows]).split("\n")[0] == first


def test_a_header_that_the_format_marks_is_believed() -> None:
    """The same two columns are named where the first row is said to be a header."""
    rows = [["Rule", "Penalty"], ["Late return", "One pound"]]

    assert table_text(rows, is_marked=True) == "Rule: Late return; Penalty: One pound."
    assert table_text(rows) == "Rule: Penalty.\nLate return: One pound."


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "Anna Smith,London,engineer\nBob Jones,Leeds,plumber\n",
            "Anna Smith; London; engineer.\nBob Jones; Leeds; plumber.",
        ),
        ("Anna Smith,London,40\nBob Jones,Leeds,50\n", "Anna Smith; London; 40.\nBob Jones; Leeds; 50."),
        ("Name,City,Team\nAnn,Rome,Reds\n", "Name: Ann; City: Rome; Team: Reds."),
        ("Name,Age\n", "Name; Age."),
        (
            "What they said\nThe river is very deep.\nIt rains on us.\n",
            "What they said: The river is very deep.\nWhat they said: It rains on us.",
        ),
        ("year,2021,2022\nsales,1,2\n", "year: sales; 2021: 1; 2022: 2."),
    ],
)
def test_a_delimited_file_without_a_header_says_nothing_false(tmp_path: Path, content: str, text: str) -> None:
    """A first row names the columns only where the file shows that it does; else every row is its cells."""
    (tmp_path / "a.csv").write_text(content)

    assert read_table(tmp_path / "a.csv").text == text
