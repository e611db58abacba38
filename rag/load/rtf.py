"""Rich text → paragraphs, headings, list items and table rows; title, author and date from its properties.

striprtf gives the characters, but leaves out notes, comments and text boxes and knows no tracked changes: `_Rewriter`
moves the first to where they are read and takes out what was deleted before striprtf sees the file.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path

from rag.errors import LoadError
from rag.load.extract import Extract
from rag.load.package import is_page_number, running
from rag.load.table import table_text

_MOST_FONTS = 65_536  # characters: five hundred fonts; striprtf 0.0.35 took 66 s for 160,000 of fonts without an end
# What striprtf 0.0.35 has no sign for is marked with characters that no text may hold (Unicode's noncharacters).
_CELL, _ROW, _NEW_ROW, _ITEM, _PLAIN = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3", "\ufdd4"
_LEVELS = "\ufdd5\ufdd6\ufdd7\ufdd8\ufdd9\ufdda"  # of headings
_ASIDE, _ABOVE, _AROUND = "\ufddb", "\ufddc", "\ufddd"  # a note; a cell that goes on; a header or footer
_MARKS = {"cell": _CELL, "row": _ROW, "trowd": _NEW_ROW, "listtext": _ITEM, "pntext": _ITEM, "pard": _PLAIN}
_WORD = re.compile(r"\\(?:\\|(outlinelevel|s|pard|cell|row|trowd|nestcell|nestrow|listtext|pntext)(\d*)(?![a-z\d-]) ?)")
_INSTEAD = {"cell": " ", "nestcell": r"\tab ", "nestrow": r"\line ", "pntext": r"\listtext ", "row": r"\line "}
_TOKEN = re.compile(
    r"(?P<open>\{)(?:\s*(?:\\\*\s*)?\\(?P<first>[a-z]+)(?P<count>-?\d+)? ?)?"
    r"|\\(?P<word>[a-z]+)(?P<number>-?\d+)? ?|(?P<close>\})|\\[^a-z]|[^\\{}]+|\\",
    re.DOTALL,
)
_LABELS = {"footnote": "Note: ", "annotation": "Comment: ", "shptxt": "", "dptxbxtext": ""}
_RUNNING = {f"{place}{pages}" for place in ("header", "footer") for pages in ("", "l", "r", "f")}
_UNREAD = frozenset("pgdsctbl shprslt ftnsep ftnsepc aftnsep aftnsepc".split())  # nothing in them is moved
_SIGNS = frozenset("u tab line emdash endash bullet lquote rquote ldblquote rdblquote".split())
_BREAKS = frozenset("par line sect page cell row nestcell nestrow".split())
_LAYOUT = frozenset("pard s outlinelevel trowd cellx intbl".split())
_NOTHING = "{}"  # instead of a word, for the word before to end there
_EFFECTS = frozenset("deleted plain pard intbl trowd clvmrg cellx cell row par sect page".split())
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

    body, *around = _stripped(_WORD.sub(marked, _Rewriter().rewritten(source))).split(_AROUND)
    lines = ["\n".join(filter(None, map(_bare, text.split("\n")))) for text in around]
    return "\n\n".join([*_blocks(body), *(text for _, text in running(lines))])


@dataclass(slots=True)
class _Group:
    """What holds in a group of rich text and ends with it."""

    buffer: list[str]  # where its characters go
    kind: str = ""  # the note, comment, text box, header or footer that it is in
    is_unread: bool = False
    is_quiet: bool = False  # no text of the document
    is_deleted: bool = False
    is_mark: bool = False  # the number or bullet of an item
    is_field: bool = False


class _Rewriter:
    """Moves notes, comments and text boxes behind their paragraph or table, headers and footers to the end."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.group = _Group(self.out)
        self.stack: list[_Group] = []
        self.asides: list[str] = []
        self.around: list[str] = []
        self.field = ""
        self.is_row = self.is_table = self.was_table = self.is_merged = False
        self.merged: list[bool] = []  # for each cell of a row whether it goes on with the one above
        self.column = 0
        self.behind_row: int | None = None  # where what belongs to a table that has just ended would stand

    def rewritten(self, source: str) -> str:
        """The same text in an order that striprtf can read; linear in its length."""
        for match in _TOKEN.finditer(source):
            if match["open"]:
                self.open(match[0], match["first"] or "", match["count"] or "")
            elif match["close"]:
                self.close()
            elif match["word"]:
                self.word(match[0], match["word"], match["number"] or "")
            else:
                self.text(match[0])
        while self.stack:
            self.close()
        return "".join(self.out)

    def open(self, token: str, word: str, number: str) -> None:
        """A group begins, of what its first word says."""
        outer = self.group
        self.stack.append(outer)
        self.group = replace(outer)
        if (word in _LABELS or word in _RUNNING) and not outer.is_unread:
            self.group = _Group([], kind="dropped" if outer.is_deleted else word)
        elif outer.kind and word == "fldrslt" and is_page_number(self.field):
            self.group = _Group([], kind="dropped")
        else:
            self.enter(token, word, number)

    def enter(self, token: str, word: str, number: str) -> None:
        """Into a group that stays where it is."""
        group, is_starred = self.group, "\\*" in token
        group.is_unread |= word in _UNREAD
        group.is_quiet |= is_starred
        group.is_mark |= word in ("listtext", "pntext")
        if word == "fldinst":
            self.field, group.is_field = "", True
        if is_starred or not word:
            group.buffer.append(token)
        else:
            group.buffer.append("{")
            self.word(token[1:], word, number)

    def close(self) -> None:
        """A group ends; what it moved goes behind the paragraph."""
        if not self.stack:
            self.out.append("}")
            return
        if len(self.stack) == 1:
            self.finish()
        inner, self.group = self.group, self.stack.pop()
        if inner.buffer is self.group.buffer:
            inner.buffer.append("}")
        elif re.sub(r"\\[a-z]+-?\d* ?|[{}\s]", "", content := "".join(inner.buffer)) and inner.kind != "dropped":
            if inner.kind in _RUNNING:
                self.around.append(content)
            else:
                self.asides.append(f"{{{_escape(_ASIDE)}{_LABELS[inner.kind]}{content}\\par}}")

    def word(self, token: str, word: str, number: str) -> None:
        """A control word, with what it changes."""
        group = self.group
        if word == "deleted" or word == "plain":
            group.is_deleted = word == "deleted" and number != "0"
        if (group.is_deleted and word in _SIGNS) or (group.is_mark and word == "pard"):
            group.buffer.append(_NOTHING)
        elif group.kind:
            self.moved_word(token, word)
        elif group.is_quiet or word not in _EFFECTS:
            group.buffer.append(token)
        else:
            self.body_word(token, word)

    def moved_word(self, token: str, word: str) -> None:
        """A control word in what is moved: paragraphs stay apart only in text boxes, headers and footers."""
        if word in _BREAKS:
            is_apart = word not in ("cell", "nestcell") and self.group.kind not in ("footnote", "annotation")
            box = self.group.kind not in _RUNNING
            self.group.buffer.append(("\\par " + _escape(_ASIDE) * box) if is_apart else _NOTHING + " ")
        else:
            self.group.buffer.append(_NOTHING if word in _LAYOUT else token)

    def body_word(self, token: str, word: str) -> None:
        """A control word that begins or ends a paragraph, a row or a cell."""
        if word == "cell" and self.column < len(self.merged) and self.merged[self.column]:
            self.out.append(_escape(_ABOVE))
        self.out.append(token)
        match word:
            case "pard":
                self.is_table = False
            case "intbl":
                self.is_table = self.was_table = self.is_row = True
            case "trowd":
                self.is_row, self.merged = True, []
            case "clvmrg":
                self.is_merged = True
            case "cellx":
                self.merged.append(self.is_merged)
                self.is_merged = False
            case "cell":
                self.is_row = True
                self.column += 1
            case "row":
                self.end_row()
            case "par" | "sect" | "page" if not self.is_row:
                self.out.append(self.taken())

    def end_row(self) -> None:
        self.is_row = self.was_table = False
        self.column = 0
        self.behind_row = len(self.out)
        self.out.append("")

    def text(self, token: str) -> None:
        """Characters, with which a table may have ended."""
        group = self.group
        if group.is_field:
            self.field += token if len(self.field) < 100 else ""
        if group.is_deleted:
            return
        if not group.kind and not group.is_quiet and not token.isspace():
            if self.is_row and self.was_table and not self.is_table and self.column:
                self.out.append("\\cell\\row ")  # LibreOffice 7.4 leaves these out after a table in a cell
                self.end_row()
            if self.behind_row is not None and not self.is_row:
                self.out[self.behind_row] = self.taken()
                self.behind_row = None
        group.buffer.append(token)

    def taken(self) -> str:
        """What waits to be moved, which then waits no longer."""
        asides, self.asides = "".join(self.asides), []
        return asides

    def finish(self) -> None:
        """The document ends: what waits, then headers and footers."""
        self.out.append("\\par " + self.taken() if self.asides else "")
        self.out += [f"{{{_escape(_AROUND)}{content}}}" for content in self.around]
        self.around = []


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
            yield table_text(_rows([block for block in group if not isinstance(block, str)]))
        else:
            yield from _joined([block for block in group if isinstance(block, str)])


def _rows(cells: Iterable[list[str]]) -> list[list[str]]:
    """The texts of cells by row; one that goes on with the cell above says the same."""
    rows: list[list[str]] = []
    for row in cells:
        above = rows[-1] if rows else []
        rows.append([above[at] if _ABOVE in cell and at < len(above) else _bare(cell) for at, cell in enumerate(row)])
    return rows


def _before_row(chunk: str) -> Iterator[str | list[str]]:
    """The paragraphs before a row, and the cells of the row."""
    first, *cells = chunk.split(_CELL)
    above, mark, cell = first.rpartition(_NEW_ROW)
    if not mark:
        above, _, cell = first.rpartition("\n")
    yield from _paragraphs(above)
    if cells:  # what follows the last cell only closes the row
        yield [cell, *cells[:-1]]


def _paragraphs(text: str) -> Iterator[str]:
    level = ""
    for line in text.split("\n"):
        is_item = _ITEM in line and not _bare(line.partition(_ITEM)[0])
        for mark in line if _ASIDE not in line else "":
            if mark in _LEVELS or mark == _PLAIN:
                level = mark
        words = _bare(line)
        is_heading = level in _LEVELS and level and _ASIDE not in line
        if words and is_heading:
            yield "#" * (_LEVELS.index(level) + 1) + " " + (_item(line).removeprefix("- ") if is_item else words)
        elif words and is_item:
            yield _item(line)
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
    return " ".join(re.sub("[\ufdd0-\ufddd]", "", words).split())


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
