"""Words, lines and rules with their places on a page, in points from its lower left corner."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

_SENTENCE_END = re.compile(r"[.!?:;。！？][\"'”’)\]]*(?:\d{1,2}|\[\d+\])?$")  # a footnote's number may follow
LEFTWARD = re.compile("[\u0590-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+")  # but for figures
_LATIN = re.compile("[A-Za-z]")
_FRAGMENT_GAP = 1.3  # ems: wider than the spaces of justified text
_DESCENT, _ASCENT = 0.2, 0.75  # ems below and above the baseline: lines set solid do not overlap

Place = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without white space between them.

    `left`, `right` and `baseline` are where it is read: as if the page were held so that its lines run from left to
    right. `place` is where the page as it is shown has it.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line drawn across (`left` to `right`) or down (`bottom` to `top`)."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def across(self) -> bool:
        """True for a horizontal line."""
        return self.right - self.left > self.top - self.bottom


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page, words in the file's order."""

    words: tuple[Word, ...]
    rules: tuple[Rule, ...]
    height: float  # as it is read
    size: tuple[float, float]  # width and height as it is shown


@dataclass(frozen=True)
class Line:
    """Words on one baseline, from left to right."""

    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        """The words with spaces."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def size(self) -> float:
        """Font size of most of its characters."""
        sizes: Counter[float] = Counter()
        for word in self.words:
            sizes[word.size] += len(word.text)
        return sizes.most_common(1)[0][0]

    @cached_property
    def baseline(self) -> float:
        """The baseline of those characters."""
        return next(word.baseline for word in self.words if word.size == self.size)

    @property
    def left(self) -> float:
        """Where the first word begins."""
        return self.words[0].left

    @property
    def right(self) -> float:
        """Where the last word ends."""
        return self.words[-1].right

    @property
    def bold(self) -> bool:
        """True if every word is bold."""
        return all(word.bold for word in self.words)

    @property
    def ends_sentence(self) -> bool:
        """True if it closes with a stop, a colon or a semicolon."""
        return bool(_SENTENCE_END.search(self.text))

    @cached_property
    def fragments(self) -> tuple["Line", ...]:
        """The line cut where the space between two words is too wide for prose."""
        pieces: list[list[Word]] = [[]]
        for word in self.words:
            if pieces[-1] and word.left - pieces[-1][-1].right > _FRAGMENT_GAP * word.size:
                pieces.append([])
            pieces[-1].append(word)
        return tuple(Line(tuple(piece)) for piece in pieces)


def lines(words: Iterable[Word]) -> Iterator[Line]:
    """Words in the file's order as lines; a word that is not to the right on the same baseline begins a new one."""
    line: list[Word] = []
    for word in words:
        if line and not _same_line(line[-1], word):
            yield Line(tuple(line))
            line = []
        line.append(word)
    if line:
        yield Line(tuple(line))


def _same_line(word: Word, following: Word) -> bool:
    em = max(word.size, following.size)
    return _same_baseline(word, following) and following.left > word.right - 0.5 * em


def _same_baseline(word: Word, following: Word) -> bool:
    return abs(word.baseline - following.baseline) < 0.5 * max(word.size, following.size)


def height_of(baseline: float, size: float) -> tuple[float, float]:
    """Bottom and top of the letters that stand on a baseline."""
    return baseline - _DESCENT * size, baseline + _ASCENT * size


def turned(place: Place, quarters: int, size: tuple[float, float]) -> Place:
    """Where a place on a page of this width and height is after quarter turns of the page, clockwise."""
    if quarters % 4 == 0:
        return place
    left, bottom, right, top = place
    width, height = size
    match quarters % 4:
        case 1:
            return bottom, width - right, top, width - left
        case 2:
            return width - right, height - top, width - left, height - bottom
        case _:
            return height - top, left, height - bottom, right


def mirrored(words: Iterable[Word], width: float) -> Iterator[Word]:
    """The words of a page that is read from right to left, as if it was read from left to right.

    What runs the other way inside a line, such as a name in Latin letters, is laid out backwards in its room.
    """
    run: list[Word] = []
    for word in _rightward(words):
        if run and not (_same_baseline(run[-1], word) and word.left >= run[-1].right):
            yield from _backwards(run, width)
            run = []
        run.append(word)
    yield from _backwards(run, width)


def _rightward(words: Iterable[Word]) -> Iterator[Word]:
    """The words with those in Latin letters from left to right; pdfium 159 has `York New` in a line of Hebrew."""
    for (is_latin, _), group in groupby(words, key=lambda word: (bool(_LATIN.search(word.text)), word.baseline)):
        line = list(group)
        yield from sorted(line, key=lambda word: word.left) if is_latin else line


def _backwards(run: Sequence[Word], width: float) -> Iterator[Word]:
    if run:
        ends = run[0].left + run[-1].right
        for word in run:
            yield replace(word, left=width - ends + word.left, right=width - ends + word.right)


def runs_left(text: str) -> bool:
    """True for words in Hebrew, Arabic and scripts like them."""
    return not text.isascii() and bool(LEFTWARD.search(text))
