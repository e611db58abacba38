"""A document as a reader sees it: every word of it, the cited ones marked, and nothing of it running."""

import re
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import Box, SourceDocument
from rag.load.normalise import normalise
from tests.ui.hostile import HOSTILE
from ui.document import fragment, pages

VOID, INLINE = {"img"}, {"mark", "span", "bdi"}
SHEET = (595.0, 842.0)


class Seen(HTMLParser):
    """What a browser would make of some HTML: elements with their attributes, text by element and by mark."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.marked: dict[str, str] = {}
        self.texts: list[list[str]] = []  # of each element that is no part of a line: its tag, and what it says itself
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(markup)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it; what is inside a line adds to the text of the element around it."""
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag in VOID:
            return
        if tag not in INLINE:
            self.texts.append([tag, ""])
        self._open.append((tag, attributes, self.texts[-1] if tag not in INLINE else self._open[-1][2]))

    def handle_endtag(self, tag: str) -> None:
        """The one that was opened last."""
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Belongs to the element, and to the keys of the mark that it is."""
        tag, attributes, text = self._open[-1]
        text[1] += data
        for key in attributes["data-cited"].split() if tag == "mark" else ():
            self.marked[key] = self.marked.get(key, "") + data

    def tags(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> list[str]:
        """What each element of a kind says, without the elements in it that stand by themselves."""
        return [words for name, words in self.texts if name == tag]


def document(text: str, name: str = "rules.md", page_starts: Sequence[int] = ()) -> SourceDocument:
    """A document of this text."""
    return SourceDocument(name, "House rules", "1921", text, tuple(page_starts), "Anna", None, "https://example.org/a")


def bare(words: str) -> str:
    """Without white space, of which what parts blocks is not shown."""
    return re.sub(r"\s", "", words)


def hidden(source: SourceDocument) -> set[int]:
    """The places of # before headings and of what makes a line an item, by the rules of the loaders, on each page."""
    if source.document_id.endswith(".txt"):
        return set()
    edges = [0, *source.page_starts, len(source.text)]
    return {
        start + place
        for start, end in pairwise(edges)
        for pattern in (r"(?:(?<=\n\n)|\A\n*)#{1,6} +(?=\S[^\n]*(?:\n\n|\n?\Z))", r"^ *(?:-|\d{1,9}\.) +(?=\S)")
        for match in re.finditer(pattern, source.text[start:end], re.MULTILINE)
        for place in range(*match.span())
    }


SYNTAX = ["# ", "## ", "- ", "  - ", "1. ", "12. ", "Name: ", "; ", "Year: ", ".", " ", "  ", "\t", "\n", "\n", "\n\n"]
OTHERS = ["bell", "3", "**", "|", "`", "> ", "<b>", "&amp;", "שלום", "é", "🐝", "]]>", "<!--", "'", '"']
WORDS = st.sampled_from([*SYNTAX, *OTHERS])


@st.composite
def marked_documents(draw: st.DrawFn) -> tuple[SourceDocument, list[tuple[int, int, str]]]:
    """Something like what loaders write, with pages or without, and some spans in it."""
    text = normalise("".join(draw(st.lists(WORDS, min_size=1, max_size=60)))) or "x"
    places = st.integers(0, len(text))
    spans = draw(st.lists(st.tuples(places, places), max_size=4))
    marks = [(min(span), max(span), f"t1c{at}") for at, span in enumerate(spans) if span[0] != span[1]]
    starts = draw(st.just([]) | st.lists(places, max_size=3).map(lambda found: [0, *sorted(found)]))
    name = draw(st.sampled_from(["a.md", "a.txt", "a.pdf", "a.csv"]))
    return document(text, name, [min(start, len(text) - 1) for start in starts]), marks


@given(marked_documents())
def test_a_mark_holds_exactly_its_characters(example: tuple[SourceDocument, list[tuple[int, int, str]]]) -> None:
    """Whatever the text and the span, but for white space and the marks of headings and items."""
    source, marks = example

    seen = Seen(fragment(source, marks))

    unseen = hidden(source)
    for start, end, key in marks:
        kept = "".join(source.text[place] for place in range(start, end) if place not in unseen)
        assert bare(seen.marked.get(key, "")) == bare(kept)


@given(marked_documents())
def test_no_word_is_left_out(example: tuple[SourceDocument, list[tuple[int, int, str]]]) -> None:
    """All letters of the text are on the page, in its order."""
    source, _ = example

    seen = Seen(fragment(source, [(0, len(source.text), "all")]))

    assert re.findall(r"[^\W\d]", seen.marked.get("all", "")) == re.findall(r"[^\W\d]", source.text)


def test_blocks_are_shown_as_what_they_are() -> None:
    """Headings by their level, items in lists, the rest as paragraphs, without the loaders' marks."""
    text = "# One\n\nWords of it.\n\n## Two\n\n- first\n  - inner\n    goes on\n- second\n\n3. third\n4. fourth"

    seen = Seen(fragment(document(text)))

    assert seen.text("h2")[1:] == ["One"]
    assert seen.text("h3") == ["Two"]
    assert "Words of it." in seen.text("p")
    assert seen.text("li") == ["first", "inner\ngoes on", "second", "third", "fourth"]
    assert [item.get("value") for item in seen.tags("li")] == [None, None, None, "3", "4"]
    assert len(seen.tags("ul")) == 2


def test_rows_are_a_table() -> None:
    """With a header of their names; a row that lacks a cell has an empty one, and a cell may hold a semicolon."""
    text = "Team: Blues; City: St. Louis; Cups: 1.\nTeam: Kings; Cups: 2.\nTeam: Bees; City: Bern; and: more; Cups: 0."

    seen = Seen(fragment(document(text, "teams.csv")))

    assert seen.text("th") == ["Team", "City", "Cups"]
    assert len(seen.tags("tr")) == 4
    assert len(seen.tags("td")) == 9


def test_lines_whose_names_are_in_no_order_are_no_table() -> None:
    """They stay lines, and no word is lost."""
    text = "From: Anna; To: Ben.\nTo: Anna; From: Ben."

    seen = Seen(fragment(document(text)))

    assert (seen.tags("table"), seen.text("p")[-1]) == ([], text)


def test_plain_text_is_kept_as_it_stands() -> None:
    """In it # and - are what somebody wrote."""
    text = "# no heading\n\n- no item\n\nTeam: A; Cups: 1.\nTeam: B; Cups: 2."

    seen = Seen(fragment(document(text, "note.txt")))

    assert "\n\n".join(seen.text("p")[1:]) == text


def test_a_row_says_its_names_where_only_part_of_it_is_cited() -> None:
    """Otherwise what is marked might not be seen."""
    text = "Team: Blues; Cups: 1.\nTeam: Kings; Cups: 2."

    whole, part = (Seen(fragment(document(text, "a.csv"), [mark])) for mark in ((0, 21, "k"), (0, 4, "k")))

    assert [row.get("class") for row in whole.tags("tr")] == [None, None, None]
    assert [row.get("class") for row in part.tags("tr")] == [None, "named", None]


def test_overlapping_marks_share_their_words() -> None:
    """A piece of text has every key that it belongs to."""
    seen = Seen(fragment(document("The bell tower."), [(0, 8, "t1c1"), (4, 15, "t1c2")]))

    assert seen.marked == {"t1c1": "The bell", "t1c2": "bell tower."}
    assert [mark["data-cited"] for mark in seen.tags("mark")] == ["t1c1", "t1c1 t1c2", "t1c2"]


def test_pages_are_told_apart() -> None:
    """Each begins with its number, also in the middle of a sentence."""
    seen = Seen(fragment(document("One goes on here.\n\nThree.", "a.pdf", (0, 8, 19))))

    assert [page["aria-label"] for page in seen.tags("div") if page.get("role") == "separator"] == [
        "Page 1",
        "Page 2",
        "Page 3",
    ]


def test_the_head_says_what_it_is() -> None:
    """Title, name, date, author and address; the switch and the file only where there are such."""
    plain = Seen(fragment(document("Words.", "letters/a b.md")))
    full = Seen(fragment(document("Words.", "letters/a #1?.md"), has_pages=True, has_original=True, root="x/"))

    assert plain.text("p")[0] == "letters/a b.md, 1921, Anna, https://example.org/a"
    assert (plain.tags("button"), plain.tags("a")) == ([], [])
    assert [button["aria-pressed"] for button in full.tags("button")] == ["false", "true"]
    assert full.tags("a")[0]["href"] == "x/original/letters/a%20%231%3F.md"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_in_a_document_runs_or_loads(hostile: str) -> None:
    """Only our own elements and attributes, and no address but those of this server."""
    source = SourceDocument(
        f"{hostile}.pdf", hostile, hostile, f"# {hostile}\n\n- {hostile}", (0,), hostile, None, hostile
    )
    box = Box(1, 10, 10, 20, 20, *SHEET)

    for markup in (
        fragment(source, [(0, 9, hostile)], has_pages=True, has_original=True),
        pages(source, [(hostile, box)], [SHEET], [(0, 9, hostile)]),
    ):
        seen = Seen(markup)

        names = {name for _, attributes in seen.elements for name in attributes}
        addresses = [value for _, found in seen.elements for name, value in found.items() if name in ("src", "href")]
        assert not names & {"onerror", "onload", "onmouseover", "onfocus", "autofocus", "srcset"}
        assert not {tag for tag, _ in seen.elements} & {"script", "style", "svg", "iframe", "circle", "b"}
        assert all(re.fullmatch(r"(original|sheet/\d+)/[\w%./?=~-]*", address) for address in addresses)


def test_a_long_document_is_shown_in_parts() -> None:
    """The one around the first mark, with the ways to those before and after it."""
    lines = [f"Line {number} of the log." for number in range(40_000)]
    text = "\n\n".join(lines)
    start = text.index(lines[15_000])

    seen = Seen(fragment(document(text), [(start, start + len(lines[15_000]), "t1c1")]))
    earlier, later = (int(button["data-from"]) for button in seen.tags("button"))

    assert seen.marked == {"t1c1": lines[15_000]}
    assert earlier < start < later < len(text)
    assert len("".join(words for _, words in seen.texts)) < 201_000


def test_the_parts_of_a_long_document_are_the_whole() -> None:
    """Going on from the beginning, every line is shown once."""
    lines = [f"Line {number} of the log." for number in range(30_000)]
    source, start, shown = document("\n\n".join(lines)), 0, list[str]()

    for _ in range(9):
        seen = Seen(fragment(source, start=start))
        shown += seen.text("p")[1:]
        following = [int(button["data-from"]) for button in seen.tags("button") if int(button["data-from"]) > start]
        if not following:
            break
        start = following[0]

    assert shown == lines


@pytest.mark.parametrize("piece", ["a: ", "; ", "x: y; ", "- - - \n", "x", " ", "# ", "\n- ", "a: 1; b: 2.\n", "1. "])
def test_ten_million_characters_are_shown_at_once(piece: str) -> None:
    """No text takes time that grows faster than it does."""
    source = document(piece * (10_000_000 // len(piece)))
    started = time.perf_counter()

    fragment(source, [(5_000_000, 5_000_100, "t1c1")])

    assert time.perf_counter() - started < 5


def test_boxes_stand_where_they_are_on_the_page() -> None:
    """In per cent from the upper left corner, and the first of a key says its words."""
    boxes = [("t1c1", Box(2, 59.5, 421, 119, 505.2, *SHEET)), ("t1c1", Box(2, 0, 0, 900, 84.2, *SHEET))]

    seen = Seen(pages(document("The bell tower.", "a.pdf", (0,)), boxes, [SHEET] * 3, [(4, 8, "t1c1")], root="r/"))

    assert [mark["style"] for mark in seen.tags("mark")] == [
        "left:10.0%;top:40.0%;width:10.0%;height:10.0%",
        "left:0.0%;top:90.0%;width:100.0%;height:10.0%",
    ]
    assert [re.sub(r"\?.*", "", image["src"]) for image in seen.tags("img")] == [
        f"r/sheet/{n}/a.pdf" for n in (1, 2, 3)
    ]
    assert {(image["loading"], image["width"], image["height"]) for image in seen.tags("img")} == {
        ("lazy", "1100", "1557")
    }
    assert "bell" in seen.text("div")


def test_of_many_pages_those_around_the_first_box_are_shown() -> None:
    """Two hundred of them, with the ways to the others; a document read anew has other addresses."""
    source, boxes = document("Words.", "a.pdf", (0,)), [("t1c1", Box(900, 1, 1, 2, 2, *SHEET))]

    seen = Seen(pages(source, boxes, [SHEET] * 1000))
    other = Seen(pages(document("Other words.", "a.pdf", (0,)), boxes, [SHEET] * 1000))
    numbers = [int(figure["data-page"]) for figure in seen.tags("figure")]

    assert (numbers[0], len(numbers)) == (880, 121)
    assert [button["data-from"] for button in seen.tags("button") if "data-from" in button] == ["680"]
    assert {image["src"] for image in seen.tags("img")}.isdisjoint(image["src"] for image in other.tags("img"))
