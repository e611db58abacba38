"""`Document`s → `TextNode`s that know their exact place: whole sentences, sized in the embedder's own tokens.

A llama-index `NodeParser` would search the text again for every chunk and overwrite the offsets (a repeated line came
back at its first place), so this is a `TransformComponent`.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import Any

from llama_index.core.schema import BaseNode, TextNode, TransformComponent
from pydantic import Field

from rag import sentences

TokenStarts = Callable[[str], Sequence[int]]  # text → first character of each token, ascending

_HEADING = re.compile(r"(#{1,6}) +(.*)")
_ITEM = re.compile(r"[-*•|>]|\d{1,3}[.)]\s")
_TITLE = 60  # characters: a longer line is no heading
_IN_LINE, _LINE, _LEAD_IN = 1.0, 0.7, 2.0  # see _break; recall is the same with a tenth of these
_MAX_HEADING = 160  # characters of heading path put before a chunk; the rest of the embedder's window is for its text


def word_starts(text: str) -> list[int]:
    """First character of each word or punctuation mark: the token count when no embedder is at hand."""
    return [match.start() for match in re.finditer(r"\w+|[^\w\s]", text)]


class Chunker(TransformComponent):
    """Cut documents into chunks of at most `size` tokens, title and heading path as metadata before the text."""

    size: int = 160
    token_starts: TokenStarts = Field(default=word_starts, exclude=True)

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> list[TextNode]:
        """One node per chunk, in reading order; `text` is the exact slice start_char_idx:end_char_idx."""
        return [node for document in nodes for node in self._chunks(document)]

    def _chunks(self, document: BaseNode) -> Iterator[TextNode]:
        text = document.get_content()
        title = str(document.metadata.get("title", ""))
        named = bool(document.metadata.get("named"))  # by its file: then a move would change what was embedded
        for start, end, heading in chunk_spans(text, size=self.size, token_starts=self.token_starts):
            yield TextNode(
                text=text[start:end],
                start_char_idx=start,
                end_char_idx=end,
                metadata={"document_id": document.node_id, "title": title, "heading": heading},
                excluded_embed_metadata_keys=["document_id", *(["title"] * named), *([] if heading else ["heading"])],
                metadata_template="{value}",
                text_template="{metadata_str}\n{content}",
            )


def chunk_spans(text: str, *, size: int, token_starts: TokenStarts) -> Iterator[tuple[int, int, str]]:
    """(start, end, heading path) of each chunk: whole sentences of one section, of near equal token counts.

    Paragraphs, lists, tables and code stay whole where that leaves chunks near their share; what leads in to a list
    and a heading stay with what comes after.
    """
    tokens = token_starts(text)

    def count(start: int, end: int) -> int:
        return bisect_left(tokens, end) - bisect_left(tokens, start)

    for heading, section in _sections(text, sentences.spans(text)):
        pieces = [piece for span in _with_text(text, section) for piece in _fitting(text, span, size, tokens)]
        breaks = [_break(text, *pair) for pair in pairwise(pieces)]
        for group in _groups([max(1, count(*piece)) for piece in pieces], breaks, size=size):
            yield pieces[group.start][0], pieces[group.stop - 1][1], heading


def _sections(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """(heading path, sentence spans) of each section; headings without text of their own join the section below."""
    path: dict[int, str] = {}
    section: list[tuple[int, int]] = []
    has_body = False
    for start, end in spans:
        heading = _HEADING.fullmatch(text[start:end])
        if heading and has_body:
            yield _joined(path), section
            section, has_body = [], False
        if heading:
            level = len(heading[1])
            path = {other: words for other, words in path.items() if other < level} | {level: heading[2].strip()}
        has_body = has_body or not heading
        section.append((start, end))
    if section:
        yield _joined(path), section


def _joined(path: dict[int, str]) -> str:
    return " > ".join(path[level] for level in sorted(path))[:_MAX_HEADING]


def _with_text(text: str, section: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans of a section, its headings and first sentence as one, so that no heading ends a chunk."""
    headings = sum(1 for start, end in section if _HEADING.fullmatch(text, start, end))
    first = section[min(headings, len(section) - 1)]
    return [(section[0][0], first[1]), *section[headings + 1 :]]


def _fitting(text: str, span: tuple[int, int], size: int, tokens: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The span itself, or where it alone is more than `size` tokens, pieces that end at a token."""
    start, end = span
    first, last = bisect_left(tokens, start), bisect_left(tokens, end)
    while last - first > size:
        cut = tokens[first + size]
        space = max(text.rfind(" ", start, cut), text.rfind("\n", start, cut)) + 1
        cut = space if space > tokens[first] else cut
        yield start, start + len(text[start:cut].rstrip())
        while text[cut].isspace():
            cut += 1
        start = cut
        first = bisect_left(tokens, start)
    yield start, end


def _break(text: str, piece: tuple[int, int], following: tuple[int, int]) -> float:
    """What it costs to part two pieces: 0.25 is as bad as a chunk that is half too long, or half too short."""
    gap = text[piece[1] : following[0]]
    if "\n" not in gap:
        return _IN_LINE
    if text[piece[1] - 1] in ":：" or _is_title(text, piece, following):
        return _LEAD_IN
    if gap.endswith((" ", "\t")):  # goes on with a list item, or with a line of code
        return _IN_LINE
    return 0.0 if gap.count("\n") > 1 else _LINE


def _is_title(text: str, piece: tuple[int, int], following: tuple[int, int]) -> bool:
    """True for a short line without a stop above a longer one: a heading in a format that marks none."""
    start, end = piece
    alone = start == 0 or "\n" in text[max(0, start - 2) : start]
    short = 2 * (end - start) < min(2 * _TITLE, following[1] - following[0])
    return alone and short and text[end - 1] not in ".!?…;,。" and not _ITEM.match(text, start)


def _groups(counts: Sequence[int], breaks: Sequence[float], *, size: int) -> list[range]:
    """The cheapest cut into runs of neighbours of at most `size` each.

    A run costs the square of its distance from an equal share, as a part of it, and each cut what `breaks` says:
    the optimum over all cuts, by dynamic programming over the places where a run may end.
    """
    share = sum(counts) / (-(-sum(counts) // size) or 1)
    cost, begins = [0.0], [0]
    for stop in range(1, len(counts) + 1):
        least, best, held = inf, stop - 1, 0
        for begin in range(stop - 1, -1, -1):
            held += counts[begin]
            if held > size:
                break
            off = held / share - 1
            total = cost[begin] + off * off + (breaks[begin - 1] if begin else 0.0)
            if total < least:
                least, best = total, begin
        cost.append(least)
        begins.append(best)
    return _runs(begins)


def _runs(begins: Sequence[int]) -> list[range]:
    """The runs, in order, where begins[stop] is the start of the last run that ends at `stop`."""
    runs, stop = [], len(begins) - 1
    while stop > 0:
        runs.append(range(begins[stop], stop))
        stop = begins[stop]
    return runs[::-1]
