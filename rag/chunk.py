"""`Document`s → `TextNode`s that know their exact place: whole sentences, sized in the embedder's own tokens.

A llama-index `NodeParser` would search the text again for every chunk and overwrite the offsets (a repeated line came
back at its first place), so this is a `TransformComponent`.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from llama_index.core.schema import BaseNode, TextNode, TransformComponent
from pydantic import Field

from rag import sentences

TokenStarts = Callable[[str], Sequence[int]]  # text → first character of each token, ascending

_HEADING = re.compile(r"(#{1,6}) +(.*)")
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
    """(start, end, heading path) of each chunk: whole sentences of one section, of near equal token counts."""
    tokens = token_starts(text)

    def count(start: int, end: int) -> int:
        return bisect_left(tokens, end) - bisect_left(tokens, start)

    for heading, section in _sections(text, sentences.spans(text)):
        pieces = [piece for span in section for piece in _fitting(text, span, size, tokens)]
        total = sum(count(*piece) for piece in pieces)
        for group in _groups([count(*piece) for piece in pieces], size=size, chunks=-(-total // size) or 1):
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


def _groups(counts: Sequence[int], *, size: int, chunks: int) -> Iterator[range]:
    """Runs of neighbours of at most `size` each, near `sum / chunks`, so that no last chunk is a lone short line."""
    target = sum(counts) / chunks
    begin, held = 0, 0
    for at, tokens in enumerate(counts):
        over_target = held and held + tokens / 2 > target
        if at > begin and (held + tokens > size or over_target):
            yield range(begin, at)
            begin, held = at, 0
        held += tokens
    if begin < len(counts):
        yield range(begin, len(counts))
