"""Words with their places → the text of each page: lines joined to paragraphs; headings, items and tables told apart.

Rules on the geometry of lines, for documents made by word processors and typesetters; lengths are in ems.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_BARE_NUMBER = re.compile(r"\W*(\d{1,4})\W*")
_NAMES = ("page ", "seite ", "p. ")
_NAMED_NUMBER = re.compile("|".join(rf"(?<=\b{re.escape(name)})\d{{1,4}}\b" for name in _NAMES), re.IGNORECASE)
_PARTED_NUMBER = re.compile(r"^\d{1,4}(?= [|•·–—])|(?<=[|•·–—] )\d{1,4}$")
_OUTER_NUMBER = re.compile(r"^\d{1,4}\b|\b\d{1,4}$")
_MOST_BEFORE = 30  # pages without a number, or numbered apart, that may come before page 1
_PART = re.compile(r"\w+")
_MARGIN = 0.2  # of the page's height, above and below: where running heads and feet stand
_MARGIN_LINES = 2  # the first and last lines of a page that may be running ones
_HEADING_SIZE = 1.12  # times the size of the running text
_LONGEST_HEADING = 160  # characters
_NEAR = 6  # lines before and after that tell where the column ends


_Key = tuple[float, str, int | None]  # font size, words, and how much larger than the page's index is a \0 in them


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
    found = _running_lines(pages)
    layouts = _layouts(pages, [frozenset(lines) for lines in found])
    style = _style([part for parts in layouts for part in parts if isinstance(part, Line)])
    blocks = [list(_blocks(parts, style)) for parts in _with_headers(layouts)]
    _keep_once(found, blocks, [page.height for page in pages])
    after: Block | None = None
    pages_back = []
    for page in reversed(blocks):
        pages_back.append((_page_text(page, after), _words(page)))
        after = page[0] if page else after
    return pages_back[::-1]


def words_in_order(pages: Sequence[Page], texts: Sequence[str]) -> list[tuple[Word, ...]]:
    """The words of some pages of a document in the order of their known texts, and perhaps running ones among them."""
    strange = [
        frozenset(line for line in _margin_lines(page) if not all(part in text for part in _PART.findall(line.text)))
        for page, text in zip(pages, texts, strict=True)
    ]
    layouts = _layouts(pages, strange)
    style = _style([part for parts in layouts for part in parts if isinstance(part, Line)])
    return [_words(_blocks(parts, style)) for parts in _with_headers(layouts)]


def _layouts(pages: Sequence[Page], running: Sequence[frozenset[Line]]) -> list[list[Line | Table]]:
    return [list(aligned_tables(_parts(page, left_out))) for page, left_out in zip(pages, running, strict=True)]


def _words(blocks: Iterable[Block]) -> tuple[Word, ...]:
    return tuple(word for block in blocks for word in block.words)


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


def _running_lines(pages: Sequence[Page]) -> list[dict[Line, _Key | None]]:
    """The running heads and feet of each page with what they share with those of other pages; None: a page number."""
    body = _body_size(pages)
    margins = [{line: list(_keys(line, at, body)) for line in _margin_lines(page)} for at, page in enumerate(pages)]
    counts = Counter(key for margin in margins for key in {key for keys in margin.values() for key in keys})
    running = {key for key, count in counts.items() if count >= _least(key, body, len(pages))}
    found: list[dict[Line, _Key | None]] = [{} for _ in pages]
    for margin, lines_here in zip(margins, found, strict=True):
        for line, keys in margin.items():
            key = next((key for key in keys if key in running), None)
            if _PAGE_NUMBER.fullmatch(line.text) or (key and _is_number_alone(key)):
                lines_here[line] = None
            elif key:
                lines_here[line] = key
    return found


def _body_size(pages: Sequence[Page]) -> float:
    sizes: Counter[float] = Counter()
    for page in pages:
        for word in page.words:
            sizes[word.size] += len(word.text)
    return sizes.most_common(1)[0][0] if sizes else 1.0


def _keys(line: Line, page: int, body: float) -> Iterator[_Key]:
    """What is the same in a line on other pages: its words; or those without a number that counts the pages."""
    yield line.size, line.text, None
    if line.size < _HEADING_SIZE * body:
        for start, end in _numbers(line, page, body):
            offset = int(line.text[start:end]) - page
            yield line.size, f"{line.text[:start]}\0{line.text[end:]}", offset


def _numbers(line: Line, page: int, body: float) -> Iterator[tuple[int, int]]:
    """Where in a line its page's number may stand.

    Alone; named as one; parted from the words; or in small print, but then near to the count of pages: an invoice has
    a number of its own beside its name, which may be one more on each page.
    """
    if bare := _BARE_NUMBER.fullmatch(line.text):
        yield bare.span(1)
    elif not line.ends_sentence:
        ends = {line.fragments[0].text, line.fragments[-1].text} if len(line.fragments) > 1 else set()
        for number in _OUTER_NUMBER.finditer(line.text):
            is_small = line.size < 0.95 * body and abs(int(number[0]) - page) <= _MOST_BEFORE
            if is_small or number[0] in ends:
                yield number.span()
        for pattern in (_NAMED_NUMBER, _PARTED_NUMBER):
            yield from (number.span() for number in pattern.finditer(line.text))


def _least(key: _Key, body: float, pages: int) -> float:
    """On how many pages a line must stand to be a running one: most, or most odd or even ones of a longer document."""
    size, text, offset = key
    if size >= _HEADING_SIZE * body:  # slides of one title
        return max(3, 0.8 * pages)
    is_plain = offset is None or _is_number_alone(key) or text.casefold().partition("\0")[0].endswith(_NAMES)
    return max(2 if is_plain else 3, (0.4 if pages > 5 else 0.6) * pages)


def _is_number_alone(key: _Key) -> bool:
    _, text, offset = key
    return offset is not None and not re.search(r"\w", text)


def _keep_once(
    running: Sequence[Mapping[Line, _Key | None]], blocks: Sequence[list[Block]], heights: Sequence[float]
) -> None:
    """Put each running line back on the first page with a place for it, unless its words stand elsewhere.

    The place of a head is the first between two paragraphs, of a foot the last: no sentence is cut that goes on on the
    next page.
    """
    said = "\n".join(block.text for page in blocks for block in page).casefold()
    done: set[_Key] = set()
    above: Block | None = None
    for found, page, height in zip(running, blocks, heights, strict=True):
        free = [at for at, before in enumerate((above, *page)) if before is None or not before.open]
        above = page[-1] if page else above
        if not free:
            continue
        placed = frozenset(_words(page))  # what looks like a head may be the first row of a table
        heads: list[Block] = []
        feet: list[Block] = []
        for line, key in sorted(found.items(), key=lambda item: -item[0].baseline):
            if key is None or key in done:
                continue
            done.add(key)
            if line.text.casefold() not in said and line.words[0] not in placed:
                said += "\n" + line.text.casefold()
                (heads if line.baseline > height / 2 else feet).append(Block("prose", line.text, line.words))
        page[:] = [*page[: free[0]], *heads, *page[free[0] : free[-1]], *feet, *page[free[-1] :]]


def _margin_lines(page: Page) -> frozenset[Line]:
    found = sorted(lines(page.words), key=lambda line: line.baseline)
    low = [line for line in found[:_MARGIN_LINES] if line.baseline < _MARGIN * page.height]
    high = [line for line in found[-_MARGIN_LINES:] if line.baseline > (1 - _MARGIN) * page.height]
    return frozenset(low + high)


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
