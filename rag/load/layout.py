"""Words with their places → the text of each page: lines joined to paragraphs; headings, items and tables told apart.

Rules on the geometry of lines, for documents made by word processors and typesetters; lengths are in ems.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise, takewhile, zip_longest
from typing import Literal

from rag.load.geometry import Line, Page, Word, lines
from rag.load.grid import Cell, Table, aligned_tables, ruled_tables
from rag.load.table import named_rows

_BULLETS = frozenset("•▪◦‣●○■□⁃–—-*·\uf0b7\uf0a7")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[a-z])[.)] ")
_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|página|pagina|p\.)\W*\d{1,4}(?:\s*(?:of|von|sur|de|di|/)\s*\d{1,4})?\W*", re.IGNORECASE
)
_NUMBER_OF_PAGE = re.compile(r"^\d+\b|\b\d+$|(?<=page )\d+", re.IGNORECASE)  # first, last, or named
_MARGIN = 0.2  # of the page's height, above and below: where running heads and feet stand
_MARGIN_LINES = 2  # the first and last lines of a page that may be running ones
_HEADING_SIZE = 1.12  # times the size of the running text
_LONGEST_HEADING = 160  # characters
_NEAR = 6  # lines before and after that tell where the column ends


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list item or table as text; `open` if it may go on on the next page."""

    kind: Literal["prose", "heading", "item", "table"]
    text: str
    words: tuple[Word, ...]  # in the order of the text; a table's header again for each row
    open: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """One document's typography, found over all its pages."""

    body: float  # font size of the running text
    is_bold: bool  # the running text itself
    headings: tuple[float, ...]  # font sizes of headings, largest first
    pitches: dict[float, float]  # font size → distance between the baselines of a paragraph
    vocabulary: frozenset[str]  # words in lower case that stand inside a line


def laid_out(pages: Sequence[Page]) -> list[tuple[str, tuple[Word, ...]]]:
    """The text of each page, and the words that it is made of, in its order.

    A page ends with a line end unless its last paragraph goes on on the next page. Between the words stand spaces and
    the marks of headings, items and cells; a hyphen at a line's end may be gone.
    """
    margins = [_margin_lines(page) for page in pages]
    running = _running_lines(margins)
    layouts = [
        list(aligned_tables(_parts(page, frozenset(line for line in margin if _is_running(line, running)))))
        for page, margin in zip(pages, margins, strict=True)
    ]
    style = _style([part for parts in layouts for part in parts if isinstance(part, Line)])
    blocks = [list(_blocks(parts, style)) for parts in _with_headers(layouts)]
    after: Block | None = None
    pages_back = []
    for page in reversed(blocks):
        pages_back.append((_page_text(page, after), tuple(word for block in page for word in block.words)))
        after = page[0] if page else after
    return pages_back[::-1]


def _page_text(blocks: Sequence[Block], after: Block | None) -> str:
    text = "".join(
        block.text + ("\n" if block.kind == below.kind == "item" else "\n\n") for block, below in pairwise(blocks)
    )
    if not blocks:
        return "\n"
    runs_on = blocks[-1].open and after is not None and after.kind == "prose"
    return text + blocks[-1].text + ("" if runs_on else "\n")


def _parts(page: Page, running: frozenset[Line]) -> Iterator[Line | Table]:
    """Lines and ruled tables in the file's order, without running heads and feet."""
    tables = {word: table for table in ruled_tables(page.words, page.rules) for word in table.words}
    given: set[int] = set()
    for table, words in groupby(page.words, key=tables.get):
        if table is None:
            yield from (line for line in lines(words) if line not in running)
        elif id(table) not in given:
            given.add(id(table))
            yield table


def _running_lines(margins: Sequence[frozenset[Line]]) -> frozenset[str]:
    """The lines that stand in the margin of most pages, or of most odd or even ones, whatever their numbers."""
    counts = Counter(text for margin in margins for text in {_without_number(line) for line in margin})
    least = max(2, 0.4 * len(margins))
    return frozenset(text for text, count in counts.items() if count >= least)


def _is_running(line: Line, running: frozenset[str]) -> bool:
    return _without_number(line) in running or bool(_PAGE_NUMBER.fullmatch(line.text))


def _margin_lines(page: Page) -> frozenset[Line]:
    found = sorted(lines(page.words), key=lambda line: line.baseline)
    low = [line for line in found[:_MARGIN_LINES] if line.baseline < _MARGIN * page.height]
    high = [line for line in found[-_MARGIN_LINES:] if line.baseline > (1 - _MARGIN) * page.height]
    return frozenset(low + high)


def _without_number(line: Line) -> str:
    """The words without the page's number, and their size: a first page has its title in large under it in small."""
    return f"{line.size} " + _NUMBER_OF_PAGE.sub("0", line.text)


def _style(found: Sequence[Line]) -> Style:
    sizes: Counter[tuple[float, bool]] = Counter()
    for line in found:
        sizes[line.size, line.bold] += len(line.text)
    body, is_bold = sizes.most_common(1)[0][0] if sizes else (1.0, False)
    headings = {line.size for line in found if line.size >= _HEADING_SIZE * body}
    vocabulary = {_bare(word.text) for line in found for word in line.words[:-1]}
    return Style(body, is_bold, tuple(sorted(headings, reverse=True)), _pitches(found), frozenset(vocabulary))


def _pitches(found: Sequence[Line]) -> dict[float, float]:
    """For each font size the distance that most lines keep, or the smallest that many do."""
    drops: defaultdict[float, list[float]] = defaultdict(list)
    for above, line in pairwise(found):
        if above.size == line.size and 0.8 * line.size < above.baseline - line.baseline < 2.5 * line.size:
            drops[line.size].append(above.baseline - line.baseline)
    return {size: sorted(distances)[len(distances) // 5] for size, distances in drops.items()}


def _with_headers(layouts: Sequence[Sequence[Line | Table]]) -> Iterator[list[Line | Table]]:
    """The pages with the header of a table repeated where the table goes on at the top of the next page."""
    above: Line | Table | None = None
    for parts in layouts:
        page = list(parts)
        first = page[0] if page else None
        if isinstance(above, Table) and isinstance(first, Table) and first.continues(above) and above.has_header:
            is_repeated = [cell.text for cell in first.rows[0]] == [cell.text for cell in above.rows[0]]
            rows = first.rows if is_repeated else (above.rows[0], *first.rows)
            page[0] = Table(rows, first.words, first.columns)
        above = page[-1] if page else above
        yield page


def _blocks(parts: Sequence[Line | Table], style: Style) -> Iterator[Block]:
    paragraph: list[Line] = []
    found = [part for part in parts if isinstance(part, Line)]
    edges = dict(zip(map(id, found), _right_edges(found), strict=True))
    for part in parts:
        if paragraph and (isinstance(part, Table) or _begins(paragraph[-1], part, edges[id(paragraph[-1])], style)):
            yield _block(paragraph, style, edges[id(paragraph[-1])])
            paragraph = []
        if isinstance(part, Line):
            paragraph.append(part)
        else:
            yield _table(part)
    if paragraph:
        yield _block(paragraph, style, edges[id(paragraph[-1])])


def _right_edges(found: Sequence[Line]) -> list[float]:
    """Where the column of each line ends: the furthest that a line like it goes, near it and under the same heading."""
    edges = []
    for at, line in enumerate(found):
        is_like = partial(_same_size, line)
        before = takewhile(is_like, reversed(found[max(at - _NEAR, 0) : at]))
        after = takewhile(is_like, found[at : at + _NEAR + 1])
        near = [other for other in (*before, *after) if abs(other.left - line.left) < 3 * line.size]
        edges.append(max(other.right for other in near))
    return edges


def _begins(above: Line, line: Line, right_edge: float, style: Style) -> bool:
    """True if a line does not go on with the paragraph of the one above it."""
    if _is_item(line) or not _same_size(above, line):
        return True
    if above.bold != line.bold and line.size not in style.headings:
        return True
    drop = above.baseline - line.baseline
    if drop < 0:  # the next column
        return above.ends_sentence or _had_room(above, line, right_edge)
    if drop > 1.25 * style.pitches.get(line.size, 1.2 * line.size):
        return True
    if _had_room(above, line, right_edge):
        return line.size not in style.headings  # headings are broken where it looks best
    is_indented = line.left > above.left + 0.8 * line.size and not _is_item(above)
    return above.ends_sentence and (is_indented or bool(_NUMBERED.match(line.text)))


def _had_room(above: Line, line: Line, right_edge: float) -> bool:
    """True if the first word would have fitted on the line above, so that the line was broken on purpose."""
    first = line.words[0]
    return not above.text.endswith("-") and above.right + 0.75 * line.size + first.right - first.left < right_edge


def _same_size(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) <= 0.08 * one.size


def _is_item(line: Line) -> bool:
    return len(line.words) > 1 and line.words[0].text in _BULLETS


def _block(paragraph: Sequence[Line], style: Style, right_edge: float) -> Block:
    text = _joined(paragraph, style.vocabulary)
    words = tuple(word for line in paragraph for word in line.words)
    if _is_item(paragraph[0]):
        return Block("item", "- " + text.partition(" ")[2], words[1:])
    if level := _heading_level(paragraph, text, style):
        return Block("heading", f"{'#' * level} {text}", words)
    last = paragraph[-1]
    is_full = last.right > right_edge - 8 * last.size and len(paragraph) > 1
    return Block("prose", text, words, open=is_full and not last.ends_sentence and _same_as_body(last, style))


def _same_as_body(line: Line, style: Style) -> bool:
    return abs(line.size - style.body) <= 0.08 * style.body


def _heading_level(paragraph: Sequence[Line], text: str, style: Style) -> int:
    """1 to 6 for a heading, 0 for other text."""
    size = paragraph[0].size
    is_large = size in style.headings
    is_bold = not style.is_bold and size >= 0.95 * style.body and all(line.bold for line in paragraph)
    is_short = len(text) <= _LONGEST_HEADING and len(paragraph) <= 4 and not text.endswith((".", ",", ";"))
    if not (is_short and (is_large or is_bold) and re.search(r"[^\W\d]{2}", text)):
        return 0
    return min(style.headings.index(size) + 1 if is_large else len(style.headings) + 1, 6)


def _joined(paragraph: Sequence[Line], vocabulary: frozenset[str]) -> str:
    words: list[str] = []
    for line in paragraph:
        first, *others = [word.text for word in line.words]
        if words and words[-1].endswith("-"):
            words[-1] = _mended(words[-1], first, vocabulary)
        else:
            words.append(first)
        words += others
    return " ".join(words)


def _mended(start: str, end: str, vocabulary: frozenset[str]) -> str:
    """A word that goes on on the next line, without the hyphen between its parts unless it is a compound."""
    if not end[:1].islower() or not start[-2:-1].isalpha():
        return start + end
    return start + end if _is_compound(_bare(start[:-1]), _bare(end), vocabulary) else start[:-1] + end


def _is_compound(start: str, end: str, vocabulary: frozenset[str]) -> bool:
    """True if the document writes start-end elsewhere; or both words, four letters or more, but never startend."""
    if start + end in vocabulary:
        return False
    both_are_words = min(len(start), len(end)) >= 4 and {start, end} <= vocabulary
    return f"{start}-{end}" in vocabulary or both_are_words


def _bare(word: str) -> str:
    return word.strip(".,;:!?()[]\"'“”‘’").lower()


def _table(table: Table) -> Block:
    has_header = table.has_header and len(table.rows) > 1
    header, rows = (table.rows[0], table.rows[1:]) if has_header else ((), table.rows)
    text = named_rows([name.text for name in header], [[cell.text for cell in row] for row in rows])
    pairs = (pair for row in rows for pair in zip_longest(header, row, fillvalue=Cell(())))
    return Block("table", text, tuple(word for name, cell in pairs if cell.words for word in name.words + cell.words))
