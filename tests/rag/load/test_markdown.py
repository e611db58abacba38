"""Markdown read as the prose it shows."""

from pathlib import Path

import pytest

from rag.load.markdown import read_markdown

DATA = Path(__file__).parents[2] / "data"


def test_markdown_reads_as_prose() -> None:
    """Headings and items keep their marks, rows name their cells, and the marks inside a line are gone."""
    extract = read_markdown(DATA / "note.md")

    assert extract.text == (
        "# The reading room\n\n"
        "It is open to everyone with a card, see hours.txt and the door."
        " Two lines of one paragraph, with a literal *star* and AT&T.\n\n"
        "## Hours\n\n"
        "Day: Monday; From: 9:00.\nDay: Sunday; Note: closed.\n\n"
        "- First item\n- Second item with bold\n  1. Inner one\n  2. Inner two\n\n"
        "A quotation.\n\n"
        "x = a * b * c  # not **bold**\n\n"
        "Shown words"
    )


def test_title_and_date_come_from_the_front_matter() -> None:
    """Front matter gives title and date and is no part of the text."""
    extract = read_markdown(DATA / "note.md")

    assert (extract.title, extract.date) == ("The reading room", "2023-06-16")


def test_the_first_heading_is_the_title_without_front_matter() -> None:
    """A rule in the text is no front matter."""
    extract = read_markdown(DATA / "no-front-matter.md")

    assert extract.title == "A heading of level two"
    assert extract.text == "Some words first.\n\n## A heading of level two\n\nMore words."


def test_broken_front_matter_stays_in_the_text() -> None:
    """Nothing of a file is lost because its front matter is no YAML."""
    assert "unclosed" in read_markdown(DATA / "broken-front-matter.md").text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("one  \ntwo", "one\ntwo"),
        ("a<br>b", "a\nb"),
        ("~~struck~~ through", "struck through"),
        ("| A | B |\n|---|---|", "A; B."),
        ("3. three\n4. four", "3. three\n4. four"),
        ("[ref][1]\n\n[1]: https://example.org", "ref"),
    ],
)
def test_small_marks(tmp_path: Path, source: str, text: str) -> None:
    """Breaks, strikes, header-only tables, numbered lists and references come out as read."""
    (tmp_path / "a.md").write_text(source, encoding="utf-8")

    assert read_markdown(tmp_path / "a.md").text == text


@pytest.mark.parametrize(
    "block", ["<details>\n\n{}\n\n</details>", '<div align="center">\n\n{}\n\n</div>', "<?php ?>\n\n{}"]
)
def test_html_around_markdown_takes_nothing_away(tmp_path: Path, block: str) -> None:
    """Markdown between the start and the end of an HTML element is read."""
    (tmp_path / "a.md").write_text(block.format("Words **within**"), encoding="utf-8")

    assert read_markdown(tmp_path / "a.md").text == "Words within"
