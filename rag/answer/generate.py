"""A question and passages → what a language model writes, as drafts bound to those passages."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rag import prompts
from rag.errors import ConfigError, ModelError
from rag.models.llm import replies
from rag.schema import Draft, Passage, Turn
from rag.sentences import is_heading, spans

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

DECLINED = prompts.NOT_IN_PASSAGES

_BYTES_PER_TOKEN = 3.0  # UTF-8 bytes; English has 4 to 5, so this asks for too much room, never for too little
_LEAST_ROOM = 60  # tokens; with less, not even one sentence of a passage would be read
_TURNS = 3  # the last exchanges; what an older one said is rarely meant
_TURN_LENGTH = 400  # characters kept of each question and answer of a conversation
_QUESTION_LENGTH = 400  # characters; a longer rewrite is an answer or a ramble
_QUOTES = " \t\"“”'*`"  # what stands around a rewritten question
_LABEL = re.compile(r"\A(?:[a-z]+ ){0,3}question(?:, rewritten)?\s*:", re.IGNORECASE)
_ASKS = ("?", "？", "؟")

_LIST = r"(?:passages?\s*)?\^?[0-9]{1,3}(?:\s*(?:[,;–-]|and)\s*[0-9]{1,3})*"
_ONE = rf"\[\s*{_LIST}\s*\]|【\s*{_LIST}[^】\n]{{0,20}}】|(?<![\w)\]])\([0-9]{{1,2}}(?:\s*,\s*[0-9]{{1,2}})*\)"
_MARKER = re.compile(
    rf"[ \t]*(?:\(\s*(?:see|source:?)?\s*(?:{_ONE})\s*\)|(?:{_ONE})(?:[ \t]*(?:,|;|and)?[ \t]*(?:{_ONE}))*)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"([0-9]+)(?:\s*[–-]\s*([0-9]+))?")
_OPEN_MARKER = re.compile(r"[ \t]*[\[(【]\^?[0-9,;–\s-]*$")
_THINKING = re.compile(
    r"<think>.*?(?:</think>|\Z)|\A(?:(?!<think>).)*</think>", re.DOTALL
)  # some servers leave it in the text, or only its end
_DECLINED = re.compile(r"(?:\b(?i:not_in_passages)\b|\bNOT IN PASSAGES\b)\.?")
_DECLINING = re.compile(rf"\b(?:{'|'.join(prompts.NOT_IN_PASSAGES[:at] for at in range(1, 16))})\Z")
_ITEM = re.compile(r"\A(?:[-*•]|[0-9]{1,2}[.)])\s+")
_TAG = re.compile(r"<(?=\s*/?\s*passage)", re.IGNORECASE)
_ECHOED = re.compile(r"<\s*/?\s*passage[^>\n]*>?", re.IGNORECASE)  # small models copy what stands around a passage
_OPEN_TAG = re.compile(r"<[\s/a-z]*\Z", re.IGNORECASE)


def stream(llm: "LLM", question: str, passages: Sequence[Passage], *, window: int, reply: int) -> Iterator[str]:
    """The reply so far, each time it grows, markers included; `window` and `reply` in tokens.

    Passages are cut to what the window holds, best kept. Raises ModelError, also for a reply without a word.
    """
    if not passages:
        yield DECLINED
        return
    text = ""
    for text in replies(llm, prompts.ANSWER_SYSTEM, prompt(question, passages, room=window - reply)):
        yield text
    if not _spoken(text).strip():
        raise ModelError("The language model wrote nothing. Raise RAG_LLM_REPLY if it is a model that thinks first.")


def prompt(question: str, passages: Sequence[Passage], *, room: int) -> str:
    """The user message: as many passages as fit into `room` tokens with the system prompt, best first to be kept.

    A passage keeps the number of its place in `passages`, so a marker means the same whatever was left out.
    """
    asked = question[: int(room * _BYTES_PER_TOKEN / 4)]
    left = room - _tokens(prompts.ANSWER_SYSTEM + prompts.ANSWER_USER + asked)
    if left < _LEAST_ROOM:
        raise ConfigError("The language model's context is too small: raise RAG_LLM_CONTEXT or lower RAG_LLM_REPLY.")
    shown: dict[int, str] = {}
    for at in sorted(range(len(passages)), key=lambda at: -passages[at].score):
        block = _block(at + 1, passages[at])
        if not shown:
            block = _block(at + 1, passages[at], length=max(int(left * _BYTES_PER_TOKEN), 0))
        if _tokens(block) <= left or not shown:
            shown[at] = block
            left -= _tokens(block)
    return prompts.ANSWER_USER.format(passages="\n\n".join(shown[at] for at in sorted(shown)), question=asked)


def drafts(reply: str, passages: Sequence[Passage]) -> tuple[tuple[Draft, ...], int]:
    """The reply's sentences without markers, each with the passages it names; and how many markers named none."""
    text, markers = _parted(_DECLINED.sub(" ", _spoken(reply)))
    sentences = [(start, end) for start, end in spans(text) if _says_something(text[start:end])]
    named: dict[int, list[int]] = {at: [] for at in range(len(sentences))}
    lost = 0
    for position, numbers in markers:
        known = [number for number in numbers if 1 <= number <= len(passages)]
        lost += len(numbers) - len(known)
        if sentences:
            named[_sentence_of(position, text, sentences)] += known
    found = (
        Draft(
            _ITEM.sub("", text[start:end], count=1),
            tuple(dict.fromkeys(passages[number - 1].span for number in named[at])),
        )
        for at, (start, end) in enumerate(sentences)
    )
    return tuple(found), lost


def readable(reply: str) -> str:
    """The reply without markers, thoughts or the words of declining: what to show while it is being written."""
    text, _ = _parted(_DECLINED.sub(" ", _spoken(reply)))
    text = _OPEN_TAG.sub("", _OPEN_MARKER.sub("", text))
    return text[: len(text) - _begun(text)].strip()


def declined(reply: str) -> bool:
    """True if the model says that the passages do not answer, whatever it adds after that."""
    return bool(_DECLINED.match(_spoken(reply).lstrip(" \n\t\"'*[")))


def standalone(llm: "LLM", question: str, history: Sequence[Turn]) -> str | None:
    """The question as one that needs no conversation; None when what the model writes is no such question.

    Raises ModelError.
    """
    turns = "\n".join(
        prompts.STANDALONE_TURN.format(
            question=turn.question[:_TURN_LENGTH], answer=turn.answer.text[:_TURN_LENGTH] or "I do not know."
        )
        for turn in history[-_TURNS:]
    )
    *_, reply = (
        "",
        *replies(llm, prompts.STANDALONE_SYSTEM, prompts.STANDALONE_USER.format(turns=turns, question=question)),
    )
    return next((line for line in map(_unquoted, readable(reply).splitlines()) if _could_ask(line, question)), None)


def _block(number: int, passage: Passage, length: int | None = None) -> str:
    """A passage as the model reads it. A document cannot close its own passage and speak as the user."""
    title = _TAG.sub("‹", passage.title).replace('"', "'")
    return prompts.PASSAGE.format(number=number, title=title, text=_TAG.sub("‹", passage.text)[:length])


def _unquoted(line: str) -> str:
    """A line without what models put around a question: quotation marks, stars, "Question:"."""
    return _LABEL.sub("", line.strip(_QUOTES)).strip(_QUOTES)


def _could_ask(line: str, question: str) -> bool:
    """True if a line may stand for the question: it asks if that asks, and is no announcement and no ramble."""
    return (
        0 < len(line) <= _QUESTION_LENGTH
        and any(letter.isalnum() for letter in line)
        and not line.endswith(":")
        and (line.endswith(_ASKS) or not question.rstrip().endswith(_ASKS))
    )


def _tokens(text: str) -> int:
    """About how many tokens a text is, rather too many: counting exactly would need each model's own tokenizer."""
    return int(len(text.encode(errors="replace")) / _BYTES_PER_TOKEN) + 1


def _spoken(reply: str) -> str:
    """The reply without thoughts and without the tags of passages."""
    return _ECHOED.sub("", _THINKING.sub("", reply))


def _begun(text: str) -> int:
    """How many characters at the end of the text may be the words of declining, still being written."""
    found = _DECLINING.search(text)
    return len(found[0]) if found else 0


def _says_something(sentence: str) -> bool:
    """False for a heading that a model has copied, and for stops alone."""
    return any(letter.isalnum() for letter in sentence) and not is_heading(sentence)


def _parted(reply: str) -> tuple[str, list[tuple[int, list[int]]]]:
    """The text without markers, and of each marker the place in that text and its numbers.

    One at a time: what is left when the inner one of [[1]2] goes is a marker again.
    """
    text, markers = reply, list[tuple[int, list[int]]]()
    while found := _MARKER.search(text):
        text = text[: found.start()] + text[found.end() :]
        markers = [(min(position, found.start()), numbers) for position, numbers in markers]
        markers.append((found.start(), _numbers(found.group())))
    return text, markers


def _numbers(marker: str) -> list[int]:
    """1 and 3 of "[1, 3]", 1 to 3 of "[1-3]"."""
    ranges = ((int(first), int(last or first)) for first, last in _NUMBERS.findall(marker))
    return [number for first, last in ranges for number in range(first, max(first, last) + 1)]


def _sentence_of(position: int, text: str, sentences: Sequence[tuple[int, int]]) -> int:
    """The sentence a marker belongs to: the one that it follows, or after the start of a line the one that it leads."""
    line_before = text[:position].rpartition("\n")[2].strip()
    line_after = text[position:].partition("\n")[0].strip()
    before = [at for at, (start, _) in enumerate(sentences) if start < position]
    if not line_before and line_after:
        return min(len(before), len(sentences) - 1)
    return before[-1] if before else 0
