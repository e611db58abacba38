"""Words, lines and rules with their places on a page, in points from its lower left corner."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

_SENTENCE_END = re.compile(r"[.!?:;。！？][\"'”’)\]]*(?:\d{1,2}|\[\d+\])?$")  # a footnote's number may follow
_FRAGMENT_GAP = 1.3  # ems: wider than the spaces of justified text


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without white space between them."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool = False


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
    height: float


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
    return abs(word.baseline - following.baseline) < 0.5 * em and following.left > word.right - 0.5 * em
