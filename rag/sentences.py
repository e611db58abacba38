"""Text → sentence spans, exact slices that start and end on words.

Rules rather than a trained splitter: the text comes from our loaders, where headings, list items and table rows
stand on lines of their own, and what trips the rules in prose is a closed list of abbreviations.
"""

import re
from collections.abc import Iterator

_BLOCK = re.compile(r"\n[ \t]*\n")
_NEW_LINE_ITEM = re.compile(  # a heading, list item, table row or "Absent: Jonas Hale" starts here
    r"\s*(?:[-*•#|>]|\d{1,3}[.)]\s)|[ \t]*[A-Z][\w'’-]*(?: [\w'’/-]+){0,2}:[ \t]+\S"
)
_HEADING = re.compile(r"[ \t]*#{1,6} ")
_NOT_SPACE = re.compile(r"\S")
_STOP = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“])(?:Mr|Mrs|Ms|Dr|Prof|Gen|Lt|Col|Maj|Capt|Adm|Sgt|Sen|Rep|Gov|Pres|Rev|Hon|St|Mt|Jr|Sr|Inc|Ltd|Co|Corp"
    r"|No|Nos|Fig|Figs|vs|cf|al|approx|ca|pp?|Art|Sec|Ch|Vol|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
    r"|e\.g|i\.e|a\.m|p\.m|U\.S|U\.K|U\.N|E\.U|D\.C|[A-Z](?:\.[A-Z])*)\.$"
)
_STARTER = re.compile(
    r"\s+(?:The|This|That|These|Those|It|He|She|They|We|In|On|At|But|And|However|By|For|As|His|Her|Its|Their|There"
    r"|When|While|After|Before|According)\b"
)
_INITIALISM = re.compile(r"\b[A-Za-z]\.[A-Za-z]\.$")  # U.S. or p.m. may also end a sentence; "Dr." and "J." may not
_ENDED = re.compile(r"[.!?…。！？][\"'”’)\]」』]*$")
_SHORT_LINE = 45  # characters: a shorter line did not break because it was full


def spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence in order; every character that is not white space is in exactly one."""
    return [
        sentence
        for start, end in _lines(text)
        for sentence in (_trimmed if _HEADING.match(text, start) else _split)(text, start, end)
    ]


def is_heading(sentence: str) -> bool:
    """True for a heading line as our loaders write it: one to six # and a space."""
    return bool(_HEADING.match(sentence))


def is_whole(sentence: str) -> bool:
    """True if it ends as a sentence does; a title, a label or an item of a list mostly does not."""
    return bool(_ENDED.search(sentence))


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Runs of text that a sentence may not leave: paragraphs, with headings, items and short lines on their own."""
    for block_start, block_end in _gaps(text, _BLOCK):
        start = block_start
        for newline in re.compile(r"\n").finditer(text, block_start, block_end):
            at = newline.start()
            line_start = max(text.rfind("\n", block_start, at) + 1, block_start)
            line = text[line_start:at].strip()
            if (
                is_heading(line)
                or len(line) < _SHORT_LINE
                or line.endswith((".", "!", "?", ":", ";", "。"))
                or _NEW_LINE_ITEM.match(text, newline.end(), block_end)
            ):
                yield start, at
                start = newline.end()
        yield start, block_end


def _gaps(text: str, separator: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for match in separator.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Sentences between two positions, trimmed of the white space around them."""
    begin = start
    for stop in _STOP.finditer(text, start, end):
        if _ends_sentence(text, begin, stop.end(), end):
            yield from _trimmed(text, begin, stop.end())
            begin = stop.end()
    yield from _trimmed(text, begin, end)


def _ends_sentence(text: str, begin: int, at: int, end: int) -> bool:
    following = _NOT_SPACE.search(text, at, end)
    if following is None or following[0].islower():
        return following is None
    before = text[max(begin, at - 12) : at]
    if _ABBREVIATION.search(before):
        return bool(_INITIALISM.search(before) and _STARTER.match(text, at, end))
    return not (begin == at - len(before) and re.fullmatch(r"\s*\d{1,3}\.", before))  # "1. First": a list number


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if stripped := piece.strip():
        lead = len(piece) - len(piece.lstrip())
        yield start + lead, start + lead + len(stripped)
