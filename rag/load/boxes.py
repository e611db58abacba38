"""A span of a PDF's text → the boxes on its pages where the words stand, so that a viewer can mark them."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

from rag.load.geometry import Place, Word
from rag.load.layout import laid_out, words_in_order
from rag.load.normalise import join_pages
from rag.load.ocr import Recognise
from rag.load.pdf import read_pages, read_some
from rag.schema import Box

_MARKS = 12  # characters that may stand between two words that follow one another, such as `\n\n###### `
_ROW = re.compile(r"[^\n:;]+: [^\n]*; [^\n]*\.$", re.MULTILINE)
_MOST_ABOVE = 20  # pages of a table above the one that is asked for
_MOST_MATCHED = 5000  # words of a page: finding the longest pieces in common is quadratic
_TOKEN = re.compile(r"\w+")
_GAP = 1.3  # ems: words further apart have boxes of their own, for what stands between them may be of another cell


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word in the text and on its page."""

    start: int
    end: int
    page: int
    word: Word


@dataclass(frozen=True, slots=True)
class Places:
    """A PDF's normalised text, as it is in the index, and where its words stand."""

    text: str
    _placed: tuple[_Placed, ...]
    _sizes: Mapping[int, tuple[float, float]]  # of each page, the first being 1

    def boxes(self, start: int, end: int) -> tuple[Box, ...]:
        """One box for each line, in the order of the text, of the words that have characters in text[start:end].

        In a table the header is marked with each of its rows, for the text has its words in each.
        """
        first = bisect_right(self._placed, start, key=lambda placed: placed.end)
        last = bisect_right(self._placed, end - 1, key=lambda placed: placed.start)
        return tuple(self._box(run, start, end) for run in _runs(self._placed[first:last]))

    def _box(self, run: Sequence[_Placed], start: int, end: int) -> Box:
        lefts, bottoms, rights, tops = zip(*(_cut(placed, start, end) for placed in run), strict=True)
        page = run[0].page
        return Box(page, min(lefts), min(bottoms), max(rights), max(tops), *self._sizes[page])


def boxes(
    path: Path, text: str, page_starts: Sequence[int], start: int, end: int, recognise: Recognise | None = None
) -> tuple[Box, ...]:
    """Where text[start:end] stands, of a PDF with this normalised text; only the pages that it stands on are read.

    And those above them while a table goes on, for the names of its columns. What is not found there has no box: a file
    that has changed may have none.
    """
    if not page_starts:
        return ()
    first, last = bisect_right(page_starts, start) - 1, bisect_right(page_starts, end - 1) - 1
    texts = [text[begin:finish] for begin, finish in pairwise([*page_starts, len(text)])]
    numbers = [number for number in range(_top_of_table(texts, first), last + 1) if texts[number]]
    pages = read_some(path, numbers, recognise)
    ordered = words_in_order(pages, [texts[number] for number in numbers])
    page_of = {id(word): number + 1 for number, page in zip(numbers, pages, strict=True) for word in page.words}
    placed = [
        _Placed(page_starts[number] + begin, page_starts[number] + finish, page_of[id(word)], word)
        for number, words in zip(numbers, ordered, strict=True)
        for begin, finish, word in _matched(texts[number], words)
    ]
    sizes = {number + 1: page.size for number, page in zip(numbers, pages, strict=True)}
    return Places(text, tuple(placed), sizes).boxes(start, end)


def _top_of_table(texts: Sequence[str], page: int) -> int:
    """The page above from which on all pages begin with a row, for the names of the columns may stand there."""
    first = page
    while max(0, page - _MOST_ABOVE) < first and _ROW.match(texts[first]):
        first -= 1
    return first


def _matched(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int, Word]]:
    """As `_aligned`, but some words may not be in the text, and some of the text may not be among the words."""
    found = list(_aligned(text, 0, words))
    theirs = list(_TOKEN.finditer(text))
    mine = [(number, token) for number, word in enumerate(words) for token in _TOKEN.finditer(word.text)]
    if len(found) == len(words) or max(len(mine), len(theirs)) > _MOST_MATCHED:
        yield from found
        return
    pieces = SequenceMatcher(None, [token[0] for _, token in mine], [token[0] for token in theirs], autojunk=False)
    anchors = [(0, 0)]
    for mine_at, theirs_at, length in pieces.get_matching_blocks():
        if length:
            number, token = mine[mine_at]
            anchors.append((number, max(theirs[theirs_at].start() - token.start(), anchors[-1][1])))
    for (first, start), (last, end) in pairwise([*anchors, (len(words), len(text))]):
        for begin, finish, word in _aligned(text[start:end], 0, words[first:last]):
            yield start + begin, start + finish, word


def places(path: Path, recognise: Recognise | None = None) -> Places:
    """The PDF read anew, by the same `recognise` as before, with each word's place in the text and on the page.

    A file that has changed gives another text. Raises LoadError as `read_pdf` does.
    """
    pages = read_pages(path, recognise).pages
    page_of = {id(word): number for number, page in enumerate(pages, 1) for word in page.words}
    layouts = laid_out(pages)
    text, starts = join_pages(words for words, _ in layouts)
    placed = [
        _Placed(begin, end, page_of[id(word)], word)
        for start, (_, words) in zip(starts, layouts, strict=True)
        for begin, end, word in _aligned(text, start, words)
    ]
    return Places(text, tuple(placed), {number: page.size for number, page in enumerate(pages, 1)})


def _aligned(text: str, at: int, words: Sequence[Word]) -> Iterator[tuple[int, int, Word]]:
    """The words with their first and last places in the text from `at` on, which holds them in this order.

    Nothing but spaces and marks stands between two words, so that the next place where a word is found is its own. A
    hyphen at its end or a colon after a column's name may be gone.
    """
    missed = 0
    for word in words:
        letters = word.text.rstrip("-:") or word.text
        start = text.find(letters, at, at + missed + _MARKS + len(letters))
        if start < 0:
            missed += len(word.text)
            continue
        kept = (word.text[:length] for length in range(len(word.text), 0, -1))
        missed, at = 0, start + len(next(beginning for beginning in kept if text.startswith(beginning, start)))
        yield start, at, word


def _runs(found: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """Words that stand one after the other on a line."""
    run: list[_Placed] = []
    for placed in found:
        if run and not _follows(run[-1], placed):
            yield run
            run = []
        run.append(placed)
    if run:
        yield run


def _follows(one: _Placed, other: _Placed) -> bool:
    word, following = one.word, other.word
    gap = max(following.left - word.right, word.left - following.right)
    is_level = abs(word.baseline - following.baseline) < 0.5 * max(word.size, following.size)
    return one.page == other.page and is_level and gap <= _GAP * word.size


def _cut(placed: _Placed, start: int, end: int) -> Place:
    """The place of a word, or of a part of it where its script has no spaces, for letters of one width."""
    text, (left, bottom, right, top) = placed.word.text, placed.word.place
    before, after = max(start - placed.start, 0), max(placed.end - end, 0)
    if not (before or after) or not any(unicodedata.east_asian_width(letter) in "WF" for letter in text):
        return placed.word.place
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text]
    unit = (right - left) / sum(widths)
    return left + unit * sum(widths[:before]), bottom, right - unit * sum(widths[len(text) - after :]), top
