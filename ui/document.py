"""A document as it can be read, with the characters that are asked for in <mark>: from its text, or on its pages.

Loaders write a small language: headings with #, items with - or 1., a row of a table as `Name: cell; Name: cell.`,
all else as it stands. Headings, items and tables are shown as what they are, without # and -; plain text and mail
are shown letter for letter. Addresses are relative to the page that shows this, unless a `root` is given.

A mark is (first character, end, key), and the first of them is the one to be shown. Everything is escaped and then
passes a list of allowed tags, as in `render.py`.
"""

import re
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote

from rag import Box, SourceDocument
from ui.markup import escaped, isolated, safe

Mark = tuple[int, int, str]
Piece = tuple[int, int]  # first character and end, in the document's text

WIDTH = 1100  # pixels of a page's picture: sharp in a pane of half a screen, two for each of CSS
_WINDOW = 200_000  # characters shown at once: a thick chapter, in the browser within half a second
_PAGES = 200  # shown at once; browsers load the pictures of those that are looked at
_LEAD = 20_000  # characters shown before the first mark of a longer document; of pages a tenth
_SNAP = 2_000  # characters: how far a window's edge moves to an empty line or a line's end
_PLAIN = ("txt", "eml", "msg")
_DEEPEST = 8  # levels of lists
_MOST_COLUMNS = 30
_WIDTHS = (("", 3), ("some", 5), ("many", _MOST_COLUMNS))  # by columns: how a table is shown in a narrow pane
_LONGEST_NAME = 60  # characters of a column's name

_BLOCK = re.compile(r"[^\n]+(?:\n[^\n]+)*")
_LINE = re.compile(r"[^\n]+")
_HEADING = re.compile(r"(#{1,6}) +(?=\S)")
_ITEM = re.compile(r"( *)(?:-|(\d{1,9})\.) +(?=\S)")
_NUMBER = re.compile(r"[^\w\s]?[\d.,:%-]+[^\w\s]?")


def fragment(
    source: SourceDocument,
    marks: Sequence[Mark] = (),
    *,
    start: int | None = None,
    has_pages: bool = False,
    has_original: bool = False,
    root: str = "",
) -> str:
    """The document from its text: all of it, or of a long one the part around the first mark, or from `start` on.

    Each mark holds the characters of its span, but for those that are not shown.
    """
    marks = [(begin, min(end, len(source.text)), key) for begin, end, key in marks if begin < len(source.text)]
    begin, end = _window(source.text, start, marks)
    body = "".join(_Writer(source, marks).parts(begin, end))
    before = _more("Earlier part", max(0, begin - _WINDOW)) if begin else ""
    after = _more("Later part", end) if end < len(source.text) else ""
    head = _header(source, "text" if has_pages else "", has_original, root)
    return _article("text", f'{head}{before}<div class="text">{body}</div>{after}')


def pages(
    source: SourceDocument,
    boxes: Sequence[tuple[str, Box]],
    sizes: Sequence[tuple[float, float]],
    marks: Sequence[Mark] = (),
    *,
    first: int | None = None,
    root: str = "",
) -> str:
    """The pages of a PDF as pictures, the boxes upon them by their keys: all, or some around the first of them.

    `sizes` is the width and height of each page; `marks` says which words a key stands for, for those who cannot see.
    """
    begin = min(max(1, _first_page(source, boxes, marks, len(sizes)) if first is None else first), len(sizes))
    end = min(begin + _PAGES, len(sizes) + 1)
    words = {key: source.text[start:finish] for start, finish, key in marks}
    version = f"{zlib.crc32(source.text.encode(errors='replace')):08x}"  # a file that is read anew has other pictures
    address = f"{quote(source.document_id, errors='replace')}?v={version}"
    by_page: dict[int, list[str]] = {}
    for key, box in boxes:
        by_page.setdefault(box.page, []).append(_box(key, box, words.pop(key, "")))
    figures = (
        _sheet(number, sizes[number - 1], f"{root}sheet/{number}/{address}", by_page.get(number, ()))
        for number in range(begin, end)
    )
    before = _more("Earlier pages", max(1, begin - _PAGES)) if begin > 1 else ""
    after = _more("Later pages", end) if end <= len(sizes) else ""
    head = _header(source, "pages", True, root)
    return _article("pages", f'{head}{before}<div class="sheets">{"".join(figures)}</div>{after}')


def excerpt(document_id: str, text: str, marks: Sequence[Mark]) -> str:
    """A piece of a document by itself, the marks counted from its beginning."""
    source = SourceDocument(document_id, "", None, text, ())
    return safe(f'<div class="text">{"".join(_Writer(source, marks).parts(0, len(text)))}</div>')


def missing(words: str) -> str:
    """One line in place of a document that cannot be shown."""
    return safe(f'<article class="reading"><p class="note">{escaped(words)}</p></article>')


def no_evaluation() -> str:
    """What stands where the newest evaluation would."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        "<title>Evaluation</title><body style='font-family: system-ui, sans-serif'>"
        "<p>No evaluation of this index yet. Make one: <code>rag eval QUESTIONS.jsonl</code></p>"
    )


def _article(showing: str, content: str) -> str:
    return safe(f'<article class="reading" data-showing="{showing}">{content}</article>')


def _header(source: SourceDocument, view: str, has_original: bool, root: str) -> str:
    """Title and facts, the switch between two views where there are two, and the link to the file."""
    facts = (source.document_id, source.date, source.author, source.source)
    where = ", ".join(isolated(fact) for fact in facts if fact)
    address = f"{root}original/{quote(source.document_id, errors='replace')}"
    link = f'<a class="download" href="{escaped(address)}" download>Download</a>' if has_original else ""
    tools = f'<div class="tools">{_views(view) if view else ""}{link}</div>'
    return f'<header><h2>{isolated(source.title)}</h2><p class="where">{where}</p>{tools}</header>'


def _views(current: str) -> str:
    buttons = (
        f'<button type="button" data-view="{view}" aria-pressed="{str(view == current).lower()}">{label}</button>'
        for view, label in (("pages", "Pages"), ("text", "Text"))
    )
    return f'<span class="views" role="group" aria-label="Show as">{"".join(buttons)}</span>'


def _more(label: str, start: int) -> str:
    return f'<button type="button" class="more" data-from="{start}">{label}</button>'


def _window(text: str, start: int | None, marks: Sequence[Mark]) -> Piece:
    """The characters to show: at most `_WINDOW`, from the beginning of a line to the end of one where there are any."""
    if start is None and len(text) <= _WINDOW:
        return 0, len(text)
    if start is None:
        start = marks[0][0] - _LEAD if marks else 0
    begin = _edge(text, min(start, len(text) - 1))
    return begin, len(text) if begin + _WINDOW >= len(text) else _edge(text, begin + _WINDOW)


def _edge(text: str, at: int) -> int:
    """The nearest place before this one where a block begins, else a line, else the place."""
    if at <= 0:
        return 0
    lowest = max(0, at - _SNAP)
    for edge in ("\n\n", "\n"):
        if (found := text.rfind(edge, lowest, at)) >= 0:
            return found + len(edge)
    return at


class _Writer:
    """Writes parts of one document's text, marks in their places."""

    def __init__(self, source: SourceDocument, marks: Sequence[Mark]) -> None:
        self._source = source
        self._whole = source.text
        self._is_plain = source.document_id.rpartition(".")[2].lower() in _PLAIN
        cuts = sorted({cut for start, end, _ in marks for cut in (start, end)})
        self._cuts = cuts
        self._keys = [
            " ".join(dict.fromkeys(key for start, end, key in marks if start <= cut and following <= end))
            for cut, following in pairwise(cuts)
        ]

    def parts(self, begin: int, end: int) -> Iterator[str]:
        """The blocks of text[begin:end], and where a page begins its number."""
        starts = self._source.page_starts
        first, last = bisect_right(starts, begin), bisect_left(starts, end)
        edges = [begin, *starts[first:last], end]
        for number, (start, finish) in enumerate(pairwise(edges), first):
            if number > 0 and start < finish:
                yield _page(number)
            for block in _BLOCK.finditer(self._whole, start, finish):
                yield from self._block(*block.span())

    def _block(self, start: int, end: int) -> Iterator[str]:
        if self._is_plain:
            yield f'<p dir="auto">{self._words(start, end)}</p>'
            return
        heading = _HEADING.match(self._whole, start, end)
        if heading and self._whole.find("\n", start, end) < 0:
            level = min(len(heading[1]) + 1, 6)
            yield f'<h{level} dir="auto">{self._words(heading.end(), end)}</h{level}>'
            return
        for is_list, lines in _runs(self._whole, start, end):
            yield self._list(lines) if is_list else self._lines(lines)

    def _lines(self, lines: Sequence[Piece]) -> str:
        """A table where the lines are its rows, else a paragraph, or code where some are indented."""
        if table := _table(self._whole, lines):
            return self._table(*table)
        tag = "pre" if any(self._whole[start] in " \t" for start, _ in lines) else "p"
        return f'<{tag} dir="auto">{self._words(lines[0][0], lines[-1][1])}</{tag}>'

    def _list(self, lines: Sequence[Piece]) -> str:
        """Items, each in a list as deep as it is indented, and the lines that go on with one."""
        written, opened = [], list[tuple[int, str]]()
        for start, end in lines:
            item = _ITEM.match(self._whole, start, end)
            if item is None:
                indent = len(self._whole[start:end]) - len(self._whole[start:end].lstrip(" "))
                written.append("\n" + self._words(start + indent, end))
                continue
            depth, kind = min(len(item[1]) // 2, _DEEPEST), "ol" if item[2] else "ul"
            while opened and (opened[-1][0] > depth or (opened[-1][0] == depth and opened[-1][1] != kind)):
                written.append(f"</li></{opened.pop()[1]}>")
            if opened and opened[-1][0] == depth:
                written.append("</li>")
            else:
                opened.append((depth, kind))
                written.append(f"<{kind}>")
            number = f' value="{item[2]}"' if item[2] else ""
            written.append(f'<li dir="auto"{number}>{self._words(item.end(), end)}')
        return "".join(written) + "".join(f"</li></{kind}>" for _, kind in reversed(opened))

    def _table(self, names: Sequence[str], rows: Sequence[Sequence["_Cell"]]) -> str:
        head = "".join(f'<th scope="col" dir="auto">{escaped(name)}</th>' for name in names)
        body = "".join(self._row(names, cells) for cells in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        width = next(width for width, most in _WIDTHS if len(names) <= most)
        return f'<div class="rows {width}" role="group" aria-label="Table" tabindex="0">{table}</div>'

    def _row(self, names: Sequence[str], cells: Sequence["_Cell"]) -> str:
        """A row of cells; the names stand in it too, for a narrow page and for a mark that begins or ends in it."""
        by_name = {cell.name: cell for cell in cells}
        first, last = bisect_right(self._cuts, cells[0].start), bisect_left(self._cuts, cells[-1].end)
        named = ' class="named"' if first < last else ""
        written = (self._cell(by_name[name]) if name in by_name else "<td></td>" for name in names)
        return f"<tr{named}>{''.join(written)}</tr>"

    def _cell(self, cell: "_Cell") -> str:
        name, value = self._words(cell.start, cell.value), self._words(cell.value, cell.stop)
        join = f'<span class="join">{self._words(cell.stop, cell.end)}</span>' if cell.stop < cell.end else ""
        return f'<td dir="auto"><span class="name">{name}</span>{value}{join}</td>'

    def _words(self, start: int, end: int) -> str:
        """The characters, those of marks in <mark>, cut wherever one begins or ends."""
        first, last = bisect_right(self._cuts, start), bisect_left(self._cuts, end)
        pieces = []
        for number, (begin, finish) in enumerate(pairwise([start, *self._cuts[first:last], end]), first):
            keys = self._keys[number - 1] if 0 < number <= len(self._keys) else ""
            words = escaped(self._whole[begin:finish])
            pieces.append(f'<mark data-cited="{escaped(keys)}">{words}</mark>' if keys else words)
        return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell in the text: `start` to `value` is its name, to `stop` its words, to `end` what parts it from the next."""

    name: str
    start: int
    value: int
    stop: int
    end: int


def _runs(text: str, start: int, end: int) -> Iterator[tuple[bool, list[Piece]]]:
    """The lines of a block, those of a list together, and those between lists."""
    run, in_list = list[Piece](), False
    for line in _LINE.finditer(text, start, end):
        is_item = _ITEM.match(text, *line.span()) is not None
        goes_on = in_list and text.startswith("  ", line.start())
        if run and (is_item or goes_on) != in_list:
            yield in_list, run
            run = []
        in_list = is_item or goes_on
        run.append(line.span())
    yield in_list, run


def _table(text: str, lines: Sequence[Piece]) -> tuple[list[str], list[list[_Cell]]] | None:
    """The names of the columns and the rows, or None for lines that are none: names that are not in one order."""
    if len(lines) < 2:
        return None
    candidates = [_pairs(text, start, end) for start, end in lines]
    counted = Counter(name for pairs in candidates for name in {name for name, _, _ in pairs})
    known = {name for name, count in counted.items() if count > 1}
    rows = [_cells(text, pairs, known, end) for pairs, (_, end) in zip(candidates, lines, strict=True)]
    names = _columns(rows)
    starts = [start for start, _ in lines]
    is_table = 1 < len(names) <= _MOST_COLUMNS and all(
        cells and cells[0].start == start and _ascends(names, cells) for cells, start in zip(rows, starts, strict=True)
    )
    return (names, rows) if is_table else None


def _pairs(text: str, start: int, end: int) -> list[tuple[str, int, int]]:
    """Where cells with a name may begin in a line: the name, its first character, and the first of the words."""
    found, at = [], start
    while 0 <= at < end:
        stop = text.find(": ", at, min(at + _LONGEST_NAME, end))
        if stop > at and "; " not in text[at:stop]:
            found.append((text[at:stop], at, stop + 2))
        parted = text.find("; ", at, end)
        at = parted + 2 if parted >= 0 else -1
    return found


def _cells(text: str, pairs: Sequence[tuple[str, int, int]], known: set[str], end: int) -> list[_Cell]:
    """The cells whose names are those of columns; what has another name goes on with the cell before."""
    kept = [pair for pair in pairs if pair[0] in known]
    cells = []
    ends = [*(start for _, start, _ in kept[1:]), end]
    for (name, start, value), following in zip(kept, ends, strict=False):
        stop = following - 2 if following < end else end
        if following == end and text.endswith(".", value, end) and _NUMBER.fullmatch(text, value, end - 1):
            stop = end - 1  # the stop ends the row, not the number
        cells.append(_Cell(name, start, value, stop, following))
    return cells


def _columns(rows: Iterable[Sequence[_Cell]]) -> list[str]:
    """The names in the order of the rows; one that earlier rows lack stands after that before it."""
    names: list[str] = []
    seen: set[str] = set()
    for cells in rows:
        before = -1
        for cell in cells:
            if cell.name in seen:
                before = names.index(cell.name)
                continue
            before += 1
            seen.add(cell.name)
            names.insert(before, cell.name)
            if len(names) > _MOST_COLUMNS:
                return names
    return names


def _ascends(names: Sequence[str], cells: Sequence[_Cell]) -> bool:
    places = [names.index(cell.name) for cell in cells]
    return all(one < other for one, other in pairwise(places))


def _page(number: int) -> str:
    return f'<div class="page" role="separator" aria-label="Page {number}" data-page="{number}">Page {number}</div>'


def _first_page(source: SourceDocument, boxes: Sequence[tuple[str, Box]], marks: Sequence[Mark], count: int) -> int:
    """The page to begin with: the first, or of a long document one a little before the first mark."""
    if count <= _PAGES:
        return 1
    marked = boxes[0][1].page if boxes else source.page_at(marks[0][0]) if marks else None
    return (marked or 1) - _PAGES // 10


def _sheet(number: int, size: tuple[float, float], address: str, boxes: Iterable[str]) -> str:
    """A page's picture with boxes upon it, and its number below."""
    width, height = (max(length, 1.0) for length in size)
    high = round(WIDTH * height / width)
    picture = (
        f'<img loading="lazy" src="{escaped(address)}" width="{WIDTH}" height="{high}" alt="Page {number}">'  # no shift
    )
    paper = f'<div class="paper">{picture}{"".join(boxes)}</div>'
    return f'<figure class="sheet" data-page="{number}">{paper}<figcaption>Page {number}</figcaption></figure>'


def _box(key: str, box: Box, words: str) -> str:
    """A box in per cent of its page; the first of a key says its words to those who cannot see it."""
    place = {
        "left": box.left / box.width,
        "top": 1 - box.top / box.height,
        "width": (box.right - box.left) / box.width,
        "height": (box.top - box.bottom) / box.height,
    }
    style = ";".join(f"{name}:{min(max(share, 0.0), 1.0):.3%}" for name, share in place.items())
    said = f'<span class="unseen">{escaped(" ".join(words.split()))}</span>' if words else ""
    return f'<mark class="box" data-cited="{escaped(key)}" style="{style}">{said}</mark>'
