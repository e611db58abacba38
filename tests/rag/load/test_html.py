"""Web pages without what surrounds the article."""

from pathlib import Path

import pytest

from rag.errors import LoadError
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
        ("</details>", ""),
        ("<?php echo 1 ?>", ""),
        ("words</div>", "words"),
        ("\ud800 half", "? half"),
        ("<form><p>Policy</p><label>Name <input value=x></label><button>Send</button></form>", "Policy\n\nName"),
        ("<a href=x><div>one</div><div>two</div></a>", "one\n\ntwo"),
        ("<p>See <img alt='Map of the yard'> and <img alt='logo'></p>", "See Map of the yard and"),
        ("<header><h1>Help</h1></header><header>Site</header><article><aside>note</aside></article>", "# Help\n\nnote"),
    ],
)
def test_visible_text(source: str, text: str) -> None:
    """Every block is a paragraph of its own, and nothing hidden is read."""
    assert visible_text(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<ul><li>a</li><ul><li>b</li></ul><li>c</ul>", "- a\n  - b\n- c"),
        ("<ol><div><li>a</li></div><li>b</ol>", "1. a\n2. b"),
        ("<ol start=3><li>a<li>b</ol>", "3. a\n4. b"),
        ("<ul>bare<li>a</li>stray <b>words</b></ul>", "- bare\n- a\n- stray words"),
        ("<ul><li>a<table><tr><th>K<th>V<th>W<tr><td>1<td>2<td>3</table></ul>", "- a\n  K: 1; V: 2; W: 3."),
        ("<menu><li>a</menu>", "- a"),
    ],
)
def test_nothing_in_a_list_is_lost(source: str, text: str) -> None:
    """Lists in lists, items in other elements and words between the items are all read."""
    assert visible_text(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "<tr><th>Service<th>Kind<th>Fee<tr><td rowspan=2>Passport<td>adult<td>60<tr><td>child<td>37",
            "Service: Passport; Kind: adult; Fee: 60.\nService: Passport; Kind: child; Fee: 37.",
        ),
        (
            "<tr><th><th colspan=2>2022<th>2023<tr><th>Region<th>Sales<th>Cost<th>Sales<tr><td>North<td>1<td>2<td>3",
            "Region: North; 2022 Sales: 1; 2022 Cost: 2; 2023 Sales: 3.",
        ),
        ("<tr><th>A<th>B<tr><td colspan=2>North<tr><td>1<td>2", "North.\nA: 1; B: 2."),
        ("<tr><td>T1<td>T2<tr><td>one<td><table><tr><td>in<td>ner</table>", "T1\n\nT2\n\none\n\nin; ner."),
        ("stray<tr><td>a<td>1", "stray\n\na; 1."),
    ],
)
def test_cells_stand_under_their_names(source: str, text: str) -> None:
    """Cells that span rows or columns, and tables in tables, are read once in each place that they belong to."""
    assert visible_text(f"<table>{source}</table>") == text


def test_spans_of_cells_do_not_multiply_a_page() -> None:
    """What a table says is at most some twenty times as long as what stands in it."""
    cells = "<td rowspan=9999>" + "x" * 1000
    source = "<table><tr>" + cells * 100 + "<tr><td>y" * 1000 + "</table>"

    assert len(visible_text(source)) < 30 * len(source)


def test_a_page_with_few_links_is_read_whole(tmp_path: Path) -> None:
    """Headings, tables and captions of a plain page stay, and only a menu at its top goes."""
    menu = "<ul>" + "".join(f"<li><a href=/{number}>Entry {number}</a>" for number in range(9)) + "</ul>"
    rest = (
        "<h2>Hours</h2><table><tr><td>Monday<td>9-17</table><figure><figcaption>The yard</figcaption></figure><p>End."
    )
    (tmp_path / "a.html").write_text(menu + f"<p>{'Visitors park in the yard. ' * 40}</p>" + rest, encoding="utf-8")

    text = str(read_html(tmp_path / "a.html").text)

    assert text.startswith("Visitors park")
    assert text.endswith("## Hours\n\nMonday; 9-17.\n\nThe yard\n\nEnd.")


def test_a_table_in_an_article_is_read_in_full(tmp_path: Path) -> None:
    """On a page with much around it, the article keeps its headings and tables and loses what is around."""
    menu = "".join(f"<p><a href=/{number}>Entry number {number} of the site</a></p>" for number in range(40))
    words = [
        f"<p>In the month {number} the office sent letters and paid its bills as before.</p>" for number in range(20)
    ]
    inner = "<h2>Hours</h2><table><tr><td>Monday<td>9-17<tr><td>Sunday<td>closed</table>"
    page = (
        f"<div>{menu}</div><div><h1>Guide</h1>{''.join(words[:10])}{inner}{''.join(words[10:])}</div><div>{menu}</div>"
    )
    (tmp_path / "a.html").write_text(page, encoding="utf-8")

    text = str(read_html(tmp_path / "a.html").text)

    assert "## Hours\n\nMonday: 9-17.\nSunday: closed.\n\nIn the month 10" in text
    assert "Entry" not in text


@pytest.mark.parametrize(
    ("source", "date"),
    [
        ("<p>The treaty was signed on 2001-09-05.</p><p>Copyright 2011</p>", None),
        ("<table><tr><td>Chair<td>2019-04-01</table>", None),
        ("<meta property=article:published_time content=2020-05-06T07:08:09Z><p>On 2001-09-05.", "2020-05-06"),
        ('<script type="application/ld+json">{"datePublished": "2020-05-06"}</script><p>x', "2020-05-06"),
        ("<h1>T</h1><time datetime=2020-05-06>6 May</time><p>x", "2020-05-06"),
        (f"<h1>T</h1><p>{'word ' * 50}</p><time datetime=2020-05-06>6 May</time>", None),
        ("<link rel=canonical href=https://example.org/2020/05/06/tunnel><p>x", "2020-05-06"),
    ],
)
def test_a_date_is_told_and_never_guessed(tmp_path: Path, source: str, date: str | None) -> None:
    """Only what the page says of itself dates it, not a day that its text speaks of."""
    (tmp_path / "a.html").write_text(source, encoding="utf-8")

    assert read_html(tmp_path / "a.html").date == date


def test_binary_data_is_no_page(tmp_path: Path) -> None:
    """Bytes that are no text are refused, whatever the suffix."""
    (tmp_path / "a.html").write_bytes(bytes(range(256)) * 40)

    with pytest.raises(LoadError, match="binary data"):
        read_html(tmp_path / "a.html")


def test_what_stands_above_a_page_for_its_users_is_left_out(tmp_path: Path) -> None:
    """A way past the menu and a word about cookies, but not the first words of the page itself."""
    path = tmp_path / "page.html"
    above = "<a href='#x'>Skip to main content</a><p>This site uses cookies. <a href='/c'>Settings</a></p>"
    path.write_text(
        f"<html><body>{above}<p>Acme, 12 Main Street</p><h1>Bees</h1><p>They eat cookies.</p></body></html>"
    )

    assert read_html(path).text == "Acme, 12 Main Street\n\n# Bees\n\nThey eat cookies."
