"""Dates as people write them."""

import pytest

from rag.load.dates import date_line, iso_date


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("16 June 2023", "2023-06-16"),
        ("June 16, 2023", "2023-06-16"),
        ("1st Sept. 2023", "2023-09-01"),
        ("2023-06-16T09:30:00Z", "2023-06-16"),
        ("June 2023", "2023-06"),
        ("2023-06", "2023-06"),
        ("2023", "2023"),
        ("31 June 2023", None),
        ("2023-13-01", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates_are_as_precise_as_written(words: str, expected: str | None) -> None:
    """A day, a month or a year comes out as such, and what is no date does not."""
    assert iso_date(words) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Date: 2023-06-16", "2023-06-16"),
        ("Published: June 2023", "2023-06"),
        ("*16 June 2023*", "2023-06-16"),
        ("News brief, 14 June 2023", "2023-06-14"),
        ("Washington, June 14, 2023", "2023-06-14"),
        ("It was put off until 2024", None),
        ("They met in June 2023", None),
        ("x" * 90 + ", 14 June 2023", None),
    ],
)
def test_a_date_line_is_a_label_or_ends_in_a_whole_date(line: str, expected: str | None) -> None:
    """A sentence that names a time is no date line."""
    assert date_line(line) == expected
