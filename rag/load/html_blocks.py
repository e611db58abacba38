"""A tree of HTML → its blocks: paragraphs, headings with #, list items with -, table rows by column."""

import re
from collections.abc import Iterator, Sequence
from itertools import count, zip_longest
from typing import Any, NamedTuple

from rag.load.table import named_rows, row_line, table_text

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = ("ul", "ol", "menu", "dir")
_CELLS = ("td", "th")
_ROW_GROUPS = ("thead", "tbody", "tfoot", "form")
_BLOCKS = frozenset(
    "p div section article main body header footer aside blockquote figure figcaption address details summary"
    " dl dt dd li pre fieldset legend center caption form hr table tr td th".split()
).union(_HEADINGS, _LISTS)
_WIDEST = 100  # columns that a cell spans, at most; browsers stop at 1,000
_TALLEST = 1000  # rows that a cell spans, at most; browsers stop at 65,534
_MOSTLY = 0.5  # of the letters of a list or a table: with more in links it leads to other pages
_REPEATS = 20  # times the words of a table, at most, are words of cells that span rows
_ALT_WORDS = 3  # a picture's text with fewer is mostly `logo` or a name


class Block(NamedTuple):
    """A piece of a page that stands by itself, and what it is: words, heading, list, table, or links."""

    kind: str
    text: str


def blocks(element: Any) -> Iterator[Block]:
    """The paragraphs, headings, lists and tables below an element, in reading order."""
    for piece in _pieces(element):
        if isinstance(piece, str):
            yield from (Block("words", text) for text in _paragraphs(piece))
        else:
            yield from (block for block in _block(piece) if block.text)


def link_share(element: Any) -> float:
    """The share of the letters in an element that are in its links, 0 to 1."""
    letters = _letters(element)
    return sum(_letters(link) for link in element.iter("a")) / letters if letters else 0.0


def _letters(element: Any) -> int:
    return len("".join("".join(element.itertext()).split()))


def _pieces(element: Any) -> Iterator[Any]:
    """The stretches of words and the elements that stand by themselves, in reading order."""
    words = [element.text or ""]
    for child in element:
        if _is_block(child):
            yield "".join(words)
            yield child
            words = []
        else:
            words.append(_inline(child))
        words.append(child.tail or "")
    yield "".join(words)


def _is_block(element: Any) -> bool:
    return element.tag in _BLOCKS or next(element.iter(*_BLOCKS), None) is not None


def _block(element: Any) -> Iterator[Block]:
    """What an element that stands by itself holds."""
    if level := _HEADINGS.get(element.tag):
        yield from (
            Block("heading", f"{'#' * level} {' '.join(part.split())}") for part in _paragraphs(_inline(element))
        )
    elif element.tag == "table":
        yield from _table(element)
    elif element.tag == "pre":
        yield Block("words", _inline(element).replace("\0", "\n").strip("\n"))
    elif element.tag in _LISTS:
        yield Block(_unless_links("list", element), "\n".join(_items(element, _numbers(element))))
    else:
        yield from blocks(element)


def _unless_links(kind: str, element: Any) -> str:
    return "links" if link_share(element) > _MOSTLY else kind


def _text(element: Any, between: str) -> str:
    return between.join(block.text for block in blocks(element))


def _numbers(element: Any) -> "count[int] | None":
    """The numbers of an ordered list's items."""
    start = element.get("start", "")
    return count(int(start) if re.fullmatch("[0-9]{1,6}", start) else 1) if element.tag == "ol" else None


def _items(element: Any, numbers: "count[int] | None") -> Iterator[str]:
    """The items of a list; words and lists that stand between its items are in it too."""
    for piece in _pieces(element):
        if isinstance(piece, str):
            yield from (_item("- ", words) for words in _paragraphs(piece))
        elif piece.tag in _LISTS:
            yield from ("  " + line for item in _items(piece, _numbers(piece)) for line in item.split("\n"))
        elif piece.tag != "li" and piece.tag != "table" and next(piece.iter("li"), None) is not None:
            yield from _items(piece, numbers)
        elif text := "\n".join(block.text for block in (blocks(piece) if piece.tag == "li" else _block(piece))):
            yield _item(f"{next(numbers)}. " if numbers and piece.tag == "li" else "- ", text)


def _item(mark: str, text: str) -> str:
    return mark + text.replace("\n", "\n  ")


def _table(element: Any) -> Iterator[Block]:
    """What stands above the rows, and the rows; the blocks in the cells of a table that only lays out the page."""
    yield from _beside_rows(element)
    rows = [row for row in _rows(element) if row]
    if _is_layout(rows):
        yield from (block for row in rows for cell in row for block in blocks(cell))
        return
    texts = [[" ".join(_text(cell, " ").split()) for cell in row] for row in rows]
    has_names = _has_row_names(rows)
    text = named_rows([], map(_pair, texts)) if has_names else _named_by_head(rows, _grid(rows, texts))
    yield Block(_unless_links("table", element), text)


def _beside_rows(element: Any) -> Iterator[Block]:
    """The caption, and words that stand in a table outside its cells."""
    for piece in _pieces(element):
        if isinstance(piece, str):
            yield from (Block("words", text) for text in _paragraphs(piece))
        elif piece.tag in _ROW_GROUPS:
            yield from _beside_rows(piece)
        elif piece.tag not in ("tr", *_CELLS):
            yield from _block(piece)


def _rows(element: Any) -> Iterator[list[Any]]:
    """The cells of each row of a table, without those of the tables in it."""
    for child in element:
        if child.tag == "tr":
            yield list(child.iterchildren(*_CELLS))
        elif child.tag in _ROW_GROUPS:
            yield from _rows(child)


def _is_layout(rows: Sequence[Sequence[Any]]) -> bool:
    """True for one column, and for a table of tables without a header."""
    if max(map(len, rows), default=0) <= 1:
        return True
    cells = [cell for row in rows for cell in row]
    return all(cell.tag == "td" for cell in cells) and any(cell.find(".//table") is not None for cell in cells)


def _grid(rows: Sequence[Sequence[Any]], texts: Sequence[Sequence[str]]) -> list[list[str]]:
    """The cells by column: one that spans rows stands in each, a header that spans columns above each of them."""
    spare = _REPEATS * sum(map(len, (text for line in texts for text in line)))
    open_cells: dict[int, tuple[int, str]] = {}  # column → how many rows below it are of the cell above, and its text
    grid = []
    for row, line in zip(rows, texts, strict=True):
        further = "" if len(row) == 1 else None  # a title above the whole table stands once
        cells: dict[int, str] = {}
        below = {column: (left - 1, text) for column, (left, text) in open_cells.items() if left > 1}
        for column, (_, text) in open_cells.items():
            cells[column] = text if len(text) <= spare else ""
            spare -= len(cells[column])
        column = 0
        for cell, text in zip(row, line, strict=True):
            while column in cells:
                column += 1
            wide, high = _span(cell, "colspan", _WIDEST), _span(cell, "rowspan", _TALLEST)
            for offset in range(wide):
                cells[column + offset] = text if offset == 0 or (cell.tag == "th" and further is None) else ""
                if high > 1:
                    below[column + offset] = (high - 1, cells[column + offset])
            column += wide
        grid.append([cells.get(column, "") for column in range(max(cells, default=-1) + 1)])
        open_cells = below
    return grid


def _span(cell: Any, name: str, most: int) -> int:
    told = cell.get(name, "").strip()
    return max(1, min(int(told), most)) if re.fullmatch("[0-9]{1,6}", told) else 1


def _named_by_head(rows: Sequence[Sequence[Any]], grid: list[list[str]]) -> str:
    """The rows by the names in all rows of header cells at the top; without such rows as the words suggest."""
    titles = next((at for at, row in enumerate(rows) if len(row) > 1), 0)
    head = next((at for at, row in enumerate(rows[titles:]) if any(cell.tag == "td" for cell in row)), 0)
    if not head:
        return table_text(grid)
    above, names = grid[:titles], grid[titles : titles + head]
    columns = zip_longest(*names, fillvalue="")
    joined = [" ".join(dict.fromkeys(filter(None, column))) for column in columns]
    below = zip(rows[titles + head :], grid[titles + head :], strict=True)
    lines = [row_line([] if _is_title(row) else joined, cells) for row, cells in below]
    return "\n\n".join([*(" ".join(filter(None, cells)) for cells in above), "\n".join(filter(None, lines))])


def _is_title(row: Sequence[Any]) -> bool:
    return len(row) == 1 and _span(row[0], "colspan", _WIDEST) > 1


def _has_row_names(rows: Sequence[Sequence[Any]]) -> bool:
    """True for a table of names and values."""
    is_narrow = all(len(row) <= 2 for row in rows)
    return is_narrow and any(_is_name(row[0]) and _is_value(row[1]) for row in rows if len(row) == 2)


def _pair(cells: Sequence[str]) -> list[str]:
    name, value = cells if len(cells) == 2 else ("", "".join(cells))
    return [f"{name.rstrip(':')}: {value}" if name and value else name + value]


def _is_value(cell: Any) -> bool:
    return cell.tag == "td" and bool("".join(cell.itertext()).strip())


def _is_name(cell: Any) -> bool:
    return bool(cell.tag == "th")


def _paragraphs(words: str) -> list[str]:
    """The paragraphs of a stretch of words; a line break is a new line, two of them a new paragraph."""
    paragraphs = []
    for part in re.split(r"\0\s*\0", words):
        lines = [" ".join(line.split()) for line in part.split("\0")]
        paragraphs.append("\n".join(line for line in lines if line))
    return [paragraph for paragraph in paragraphs if paragraph]


def _inline(element: Any) -> str:
    """The words of an element inside a line; \\0 stands for a line break."""
    if element.tag == "br":
        return "\0"
    if element.tag == "img":
        alt = " ".join(element.get("alt", "").split())
        return f" {alt} " if alt.count(" ") >= _ALT_WORDS - 1 else ""
    return (element.text or "") + "".join(_inline(child) + (child.tail or "") for child in element)
