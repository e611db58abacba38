"""Web pages without what surrounds the article."""

from pathlib import Path

import pytest

from rag.load.html import read_html, visible_text

DATA = Path(__file__).parents[2] / "data"


def test_the_article_is_read_with_its_structure() -> None:
    """Headings, items, captions and rows of an article come out as lines."""
    text = str(read_html(DATA / "page.html").text)

    assert text.startswith("# The tunnel reopens\n\nThe tunnel under the harbour")
    assert "\n\n## What it cost\n\n" in text
    assert "- New lamps in both tubes\n- New pumps under the eastern ramp" in text
    assert "Traffic before and after\n\nYear: 2021; Cars a day: 18,000.\nYear: 2023; Cars a day: 21,500." in text


@pytest.mark.parametrize("words", ["News of the city", "script words", "color: red", "Most read", "Copyright"])
def test_what_surrounds_the_article_is_left_out(words: str) -> None:
    """Navigation, scripts, styles, asides and footers are no text."""
    assert words not in read_html(DATA / "page.html").text


def test_title_and_date_come_from_the_head() -> None:
    """The page's own title and date are the document's."""
    extract = read_html(DATA / "page.html")

    assert (extract.title, extract.date) == ("The tunnel reopens", "2023-06-05")


def test_a_short_page_is_read_whole() -> None:
    """A page too short to have an article gives its visible text."""
    assert read_html(DATA / "short.html").text == "# Note\n\nThe key is under the mat.\nDo not tell."


def test_a_page_without_a_named_encoding_is_read_in_its_own() -> None:
    """French in cp1252 keeps its accents."""
    assert "très chaud à Montréal" in read_html(DATA / "cp1252.html").text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Seen</p><p hidden>not seen</p>", "Seen"),
        ("<ol><li>one<li>two</ol>", "1. one\n2. two"),
        ("<p>a<br><br>b<br>c</p>", "a\n\nb\nc"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<table><tr><td><p>one</p><p>two</p></td></tr></table>", "one\n\ntwo"),
        (
            "<table><tr><th>Founded</th><td>1975</td></tr><tr><td>ISIN</td><td>US59</td></tr></table>",
            "Founded: 1975.\nISIN: US59.",
        ),
        ("<table><caption>T</caption><tr><td>A<td>B<tr><td>1<td>2</table>", "T\n\nA: 1; B: 2."),
        ("<p>words<!-- comment --> on</p>", "words on"),
        ("", ""),
    ],
)
def test_visible_text(source: str, text: str) -> None:
    """Every block is a paragraph of its own, and nothing hidden is read."""
    assert visible_text(source) == text
