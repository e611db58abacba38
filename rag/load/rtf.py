"""Rich text → paragraphs, headings, list items and table rows; title, author and date from its properties."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from itertools import groupby
from pathlib import Path

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.table import table_text

_MOST_FONTS = 65_536  # characters: five hundred fonts; striprtf 0.0.35 took 66 s for 160,000 of fonts without an end
# What striprtf 0.0.35 has no sign for is marked with characters that no text may hold (Unicode's noncharacters).
_CELL, _ROW, _NEW_ROW, _ITEM, _PLAIN = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3", "\ufdd4"
_LEVELS = "\ufdd5\ufdd6\ufdd7\ufdd8\ufdd9\ufdda"  # of headings
_MARKS = {"cell": _CELL, "row": _ROW, "trowd": _NEW_ROW, "listtext": _ITEM, "pntext": _ITEM, "pard": _PLAIN}
_WORD = re.compile(r"\\(?:\\|(outlinelevel|s|pard|cell|row|trowd|nestcell|nestrow|listtext|pntext)(\d*)(?![a-z\d-]) ?)")
_INSTEAD = {"cell": " ", "nestcell": r"\tab ", "nestrow": r"\line ", "pntext": r"\listtext ", "row": r"\line "}
_STYLE = re.compile(r"\{\\s(\d+)\b[^{};]*? (?:(title)|heading (\d))[^{};]*;", re.IGNORECASE)
_BINARY = re.compile(r"(?<!\\)\\bin(\d{0,9})(?![a-z]) ?")
_CREATED = re.compile(r"\\creatim\\yr(\d{4})\\mo(\d\d?)\\dy(\d\d?)\b")
_ITEM_MARK = re.compile(r"(?:-|\w{1,4}[.)]) ")
_BULLETS = frozenset({"", "o", "§", "q", "Ø", "ü", "v"})  # letters that are bullets in their fonts


def read_rtf(path: Path) -> Extract:
    """The text of a rich text file."""
    data = path.read_bytes()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise LoadError("it is not rich text; give the file the suffix of its real format")
    source = _source(data)
    created = _CREATED.search(source)
    return Extract(rtf_text(data), _field(source, "title"), _day(created), _field(source, "author"))


def rtf_text(data: bytes) -> str:
    """The blocks of rich text."""
    source = _source(data)
    levels = {number: _level(title, level) for number, title, level in _STYLE.findall(source)}

    def marked(match: re.Match[str]) -> str:
        word, number = match[1], match[2]
        if word == "outlinelevel" or word == "s":
            level = int(number or 9) if word == "outlinelevel" else levels.get(number, 9)
            return match[0] + (_escape(_LEVELS[level]) if level < len(_LEVELS) else "")
        mark = _escape(_MARKS[word]) if word in _MARKS else ""
        return mark + _INSTEAD.get(word, match[0]) if word else match[0]

    return "\n\n".join(_blocks(_stripped(_WORD.sub(marked, source))))


def _source(data: bytes) -> str:
    """The file's characters: those beyond ASCII, which RTF need not have, in its code page; pictures' bytes cut out."""
    named = re.search(rb"\\ansicpg(\d{3,5})", data[:4096])
    try:
        source = data.decode(f"cp{named[1].decode()}" if named else "cp1252", errors="replace")
    except LookupError:
        source = data.decode("cp1252", errors="replace")
    pieces, end = [], 0
    for binary in _BINARY.finditer(source):
        if binary.start() >= end:
            pieces.append(source[end : binary.start()])
            end = binary.end() + int(binary[1] or 0)
    return "".join([*pieces, source[end:]])


def _level(title: str, level: str) -> int:
    return 0 if title else int(level) - 1


def _escape(mark: str) -> str:
    """A character in a group of its own, so that what follows is not taken for its replacement."""
    return f"{{\\uc0\\u{ord(mark)} }}"


def _stripped(source: str) -> str:
    from striprtf.striprtf import font_table_group, rtf_to_text

    if len(font_table_group(source)) > _MOST_FONTS:  # type: ignore[no-untyped-call]
        raise LoadError("its table of fonts is damaged; open it and save it again")

    # its search for links, which it would write out, is quadratic; with the space it finds none
    text: str = rtf_to_text(source.replace("\\field{", "\\field {"), errors="replace")  # type: ignore[no-untyped-call]
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # it leaves pairs of surrogates apart


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs and tables; the rows that follow one another are a table."""
    chunks = text.split(_ROW)
    blocks = [block for chunk in chunks[:-1] for block in _before_row(chunk)] + list(_paragraphs(chunks[-1]))
    for kind, group in groupby(blocks, key=lambda block: "text" if isinstance(block, str) else "table"):
        if kind == "table":
            yield table_text([block for block in group if not isinstance(block, str)])
        else:
            yield from _joined([block for block in group if isinstance(block, str)])


def _before_row(chunk: str) -> Iterator[str | list[str]]:
    """The paragraphs before a row, and the cells of the row."""
    first, *cells = chunk.split(_CELL)
    above, mark, cell = first.rpartition(_NEW_ROW)
    if not mark:
        above, _, cell = first.rpartition("\n")
    yield from _paragraphs(above)
    if cells:  # what follows the last cell only closes the row
        yield [_bare(cell) for cell in (cell, *cells[:-1])]


def _paragraphs(text: str) -> Iterator[str]:
    level = ""
    for line in text.split("\n"):
        is_item = _ITEM in line
        for mark in line:
            if mark in _LEVELS or mark == _PLAIN:
                level = mark
        words = _bare(line)
        if words and is_item:
            yield _item(line)
        elif words and level in _LEVELS and level:
            yield "#" * (_LEVELS.index(level) + 1) + " " + words
        elif words:
            yield words


def _item(line: str) -> str:
    """An item with its number, or with - for whatever bullet it has."""
    bullet, _, words = line.partition(_ITEM)[2].partition("\t")
    bullet = _bare(bullet) if words else ""
    is_number = any(letter.isalnum() for letter in bullet) and bullet not in _BULLETS
    return f"{bullet if is_number else '-'} {_bare(words or line)}"


def _joined(paragraphs: list[str]) -> Iterator[str]:
    """Paragraphs, with the items that follow one another as one block."""
    for is_list, group in groupby(paragraphs, key=lambda words: bool(_ITEM_MARK.match(words))):
        lines = list(group)
        yield from ["\n".join(lines)] if is_list else lines


def _bare(words: str) -> str:
    return " ".join(re.sub("[\ufdd0-\ufdda]", "", words).split())


def _field(source: str, name: str) -> str | None:
    found = re.search(rf"\{{\\{name} ((?:[^{{}}\\]|\\.)*)\}}", source)
    head = re.search(r"\\ansicpg\d+", source)
    text = _stripped(f"{{\\rtf1{head[0] if head else ''} {found[1]}}}") if found else ""
    return " ".join(text.split()) or None


def _day(created: re.Match[str] | None) -> str | None:
    if created:
        with suppress(ValueError):
            return date(int(created[1]), int(created[2]), int(created[3])).isoformat()
    return None
