"""A span of a PDF's text → the boxes on its pages where the words stand, so that a viewer can mark them."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.load.geometry import Place, Word
from rag.load.layout import laid_out
from rag.load.normalise import join_pages
from rag.load.ocr import Recognise
from rag.load.pdf import read_pages
from rag.schema import Box

_MARKS = 12  # characters that may stand between two words that follow one another, such as `\n\n###### `
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
    _sizes: tuple[tuple[float, float], ...]

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
        return Box(page, min(lefts), min(bottoms), max(rights), max(tops), *self._sizes[page - 1])


def boxes(path: Path, start: int, end: int, recognise: Recognise | None = None) -> tuple[Box, ...]:
    """Where text[start:end] of the PDF's normalised text stands; for several spans of a file, take `places` once."""
    return places(path, recognise).boxes(start, end)


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
    return Places(text, tuple(placed), tuple(page.size for page in pages))


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
