"""A question and passages → what a language model writes, as drafts bound to those passages, and what of it is kept."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rag import prompts
from rag.answer.lists import joined
from rag.answer.orders import is_order
from rag.answer.restate import carrying
from rag.answer.verify import inferred, verify
from rag.errors import ConfigError, ModelError
from rag.models.embed import Encode
from rag.models.llm import Count, counter, estimated, replies
from rag.models.nli import Infer
from rag.schema import Answer, Citation, Claim, Draft, Evidence, Exchange, Passage, SourceDocument, Span, Turn, Weighed
from rag.sentences import is_heading, spans

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

DECLINED = prompts.NOT_IN_PASSAGES

_LEAST_ROOM = 60  # tokens; with less, not even one sentence of a passage would be read
_TEMPLATE = 32  # tokens that a chat template puts around two messages; SmolLM2's 14
_MOST_COPIED = 3  # sentences from the beginning of a passage, one after another: as many as an answer may have
_NEARLY_ALL = 0.95  # of the tokens of a reply: those of a model in this process are counted again from its text
_TURNS = 3  # the last exchanges; what an older one said is rarely meant
_TURN_LENGTH = 400  # characters kept of each question and answer of a conversation
_QUESTION_LENGTH = 400  # characters; a longer rewrite is an answer or a ramble
_ENDED = re.compile(r"[.!?…:。！？][\s\"'”’»)*_`\]]*\Z")
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
_NO_PROSE = re.compile(
    r"\s*(?:```|\{\s*[\"'}]|\[\s*[{\"]|<(?:!doctype|html|\?xml|tool_call|function)\b)", re.IGNORECASE
)
_OPEN_TAG = re.compile(r"<[\s/a-z]*\Z", re.IGNORECASE)


def stream(
    llm: "LLM",
    question: str,
    passages: Sequence[Passage],
    *,
    window: int,
    reply: int,
    timeout: float = 60.0,
    heard: list[Exchange] | None = None,
) -> Iterator[str]:
    """The reply so far, each time it grows, markers included; `window` and `reply` in tokens.

    Passages are cut to what the window holds, best kept. `timeout` and `heard` are as in `replies`. Raises ModelError,
    also for a reply that is no answer: without a whole sentence, in a format for programs, or a copy of the prompt.
    """
    if not passages:
        yield DECLINED
        return
    heard = [] if heard is None else heard
    user = prompt(question, passages, room=window - reply - _TEMPLATE, count=counter(llm))
    yield from replies(llm, prompts.ANSWER_SYSTEM, user, reply=reply, timeout=timeout, heard=heard)
    if problem := _problem(heard[-1], reply, passages):
        raise ModelError(problem)


def prompt(question: str, passages: Sequence[Passage], *, room: int, count: Count = estimated) -> str:
    """The user message: as many passages as fit into `room` tokens with the system prompt, best first to be kept.

    A passage keeps the number of its place in `passages`, so a marker means the same whatever was left out.
    """
    asked = _beginning(question, room // 4, count)
    left = room - count(prompts.ANSWER_SYSTEM) - count(prompts.ANSWER_USER) - count(asked)
    if left < _LEAST_ROOM:
        raise ConfigError("The language model's context is too small: raise RAG_LLM_CONTEXT or lower RAG_LLM_REPLY.")
    shown: dict[int, str] = {}
    for at in sorted(range(len(passages)), key=lambda at: -passages[at].score):
        text = passages[at].text
        if not shown:
            text = _beginning(text, left - count(_block(at + 1, passages[at], "")), count)
        block = _block(at + 1, passages[at], text)
        if (needed := count(f"{block}\n\n")) <= left or not shown:
            shown[at] = block
            left -= needed
    return prompts.ANSWER_USER.format(passages="\n\n".join(shown[at] for at in sorted(shown)), question=asked)


def drafts(reply: str, passages: Sequence[Passage]) -> tuple[tuple[Draft, ...], int]:
    """The reply's sentences without markers, each with the passages it names; and how many markers named none.

    A sentence that is written again, as small models do until they are cut off, is one with all its markers.
    """
    text, markers = _parted(_DECLINED.sub(" ", _spoken(reply)))
    sentences = [(start, end) for start, end in spans(text) if _says_something(text[start:end])]
    named: dict[int, list[int]] = {at: [] for at in range(len(sentences))}
    lost = 0
    for position, numbers in markers:
        known = [number for number in numbers if 1 <= number <= len(passages)]
        lost += len(numbers) - len(known)
        if sentences:
            named[_sentence_of(position, text, sentences)] += known
    found: dict[str, list[Span]] = {}
    for at, (start, end) in enumerate(sentences):
        bound = found.setdefault(_ITEM.sub("", text[start:end], count=1), [])
        bound += [passages[number - 1].span for number in named[at]]
    return tuple(Draft(sentence, tuple(dict.fromkeys(bound))) for sentence, bound in found.items()), lost


def ended(exchange: Exchange, most: int) -> str:
    """The reply without what stands after its last whole sentence, where the model wrote as many as `most` tokens.

    What was cut off is no claim, and the beginning of a question could pass for one.
    """
    text = _spoken(exchange.reply)
    if exchange.tokens_written < most * _NEARLY_ALL or _ENDED.search(_MARKER.sub("", text)):
        return exchange.reply
    whole = [end for _, end in spans(text)][:-1]
    marker = _MARKER.match(text, whole[-1]) if whole else None
    return text[: marker.end() if marker else whole[-1] if whole else 0]


def agrees(answer: Answer, evidence: Evidence) -> bool:
    """True if a supported sentence says what the documents' own answer would say first.

    It cites the sentence that answers best, or holds the words that the reader finds surest, which `mark` marked.
    """
    best = evidence.sentences[0].span if evidence.sentences else None
    supported = [claim for claim in answer.claims if claim.verdict == "supported"]
    cited = [one.span for claim in supported for one in claim.citations]
    return any(claim.marked for claim in supported) or (best is not None and any(map(best.overlaps, cited)))


def check(
    drafts: Sequence[Draft],
    document: Callable[[str], SourceDocument],
    passages: Sequence[Passage],
    encode: Encode,
    *,
    copies: Callable[[str], Sequence[SourceDocument]] = lambda document_id: (),
    infer: Infer | None = None,
    evidence: Evidence | None = None,
) -> tuple[Claim, ...]:
    """The drafts verified; one that its passages do not support is bound to others if these do.

    Or to the sentence of `evidence` that answers its question, where the draft says again what was asked. Small models
    write good sentences with wrong numbers. What is found is put to `infer` where there is one.
    """
    claims = verify(drafts, document, passages, encode, copies=copies)
    lost = [at for at, claim in enumerate(claims) if claim.verdict == "unsupported" and drafts[at].sources]
    unbound = [Draft(drafts[at].text, ()) for at in lost]
    found = dict(zip(lost, verify(unbound, document, passages, encode, copies=copies), strict=True))
    better = tuple(
        found[at] if at in found and found[at].verdict == "supported" else claim for at, claim in enumerate(claims)
    )
    if evidence:
        stand = [one for one in evidence.sentences if any(passage.span.overlaps(one.span) for passage in passages)]
        better = tuple(_answering(claim, evidence.question, stand, document) for claim in better)
    return numbered(inferred(better, document, infer) if infer else better)


def _answering(
    claim: Claim, question: str, sentences: Sequence[Weighed], document: Callable[[str], SourceDocument]
) -> Claim:
    """The claim, supported by a sentence that answers the question if it was not supported and is by that."""
    if claim.verdict == "supported" or is_order(claim.text):
        return claim
    span = carrying(claim.text, question, sentences, document)
    if span is None:
        return claim
    source = document(span.document_id)
    cited = Citation(1, span, source.text[span.start : span.end], source.page_at(span.start))
    return replace(claim, verdict="supported", check="the question and its answer", citations=(cited,))


def strict(answer: Answer) -> Answer:
    """The answer without the sentences that the documents do not support, and a remark that there were some."""
    kept = tuple(claim for claim in answer.claims if claim.verdict != "unsupported")
    count = len(answer.claims) - len(kept)
    if not count:
        return answer
    remark = (
        f"{count} sentences of the language model were taken out because the documents do not support them."
        if count > 1
        else "A sentence of the language model was taken out because the documents do not support it."
    )
    text = joined(claim.text for claim in kept)
    return replace(answer, text=text, claims=numbered(kept), withheld=count, remark=remark)


def numbered(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims with markers that count from 1 in order of appearance, one place having one marker."""
    known: dict[Span, Citation] = {}
    for claim in claims:
        for one in claim.citations:
            known.setdefault(one.span, replace(one, marker=len(known) + 1))
    return tuple(replace(claim, citations=tuple(known[one.span] for one in claim.citations)) for claim in claims)


def readable(reply: str) -> str:
    """The reply without markers, thoughts or the words of declining: what to show while it is being written."""
    text, _ = _parted(_DECLINED.sub(" ", _spoken(reply)))
    text = _OPEN_TAG.sub("", _OPEN_MARKER.sub("", text))
    return text[: len(text) - _begun(text)].strip()


def declined(reply: str) -> bool:
    """True if the model says that the passages do not answer, whatever it adds after that."""
    return bool(_DECLINED.match(_spoken(reply).lstrip(" \n\t\"'*[")))


def standalone(
    llm: "LLM",
    question: str,
    history: Sequence[Turn],
    *,
    reply: int = 400,
    timeout: float = 60.0,
    heard: list[Exchange] | None = None,
) -> str | None:
    """The question as one that needs no conversation; None when what the model writes is no such question.

    `reply`, `timeout` and `heard` are as in `replies`. Raises ModelError.
    """
    turns = "\n".join(
        prompts.STANDALONE_TURN.format(
            question=turn.question[:_TURN_LENGTH], answer=turn.answer.text[:_TURN_LENGTH] or "I do not know."
        )
        for turn in history[-_TURNS:]
    )
    user = prompts.STANDALONE_USER.format(turns=turns, question=question)
    growing = replies(llm, prompts.STANDALONE_SYSTEM, user, reply=reply, timeout=timeout, heard=heard)
    *_, said = ("", *growing)
    return next((line for line in map(_unquoted, readable(said).splitlines()) if _could_ask(line, question)), None)


def _problem(exchange: Exchange, most: int, passages: Sequence[Passage]) -> str:
    """Why a reply of at most so many tokens cannot be read as an answer, in one line; empty where it can."""
    reply = exchange.reply
    if _NO_PROSE.match(_spoken(reply)):
        return "The language model answered in a format for programs, not in sentences."
    if _copies_prompt(reply, passages):
        return "The language model repeated what it was given instead of answering."
    if declined(reply):
        return ""
    if not drafts(reply, passages)[0]:
        return "The language model wrote nothing. Raise RAG_LLM_REPLY if it is a model that thinks first."
    if not drafts(ended(exchange, most), passages)[0]:
        return "The language model did not end its first sentence. Raise RAG_LLM_REPLY."
    return ""


def _copies_prompt(reply: str, passages: Sequence[Passage]) -> bool:
    """True for one with an instruction in it, or with the beginning of a passage that is longer than an answer."""
    said = " ".join(_spoken(reply).split())
    beginnings = (passage.text[:end] for passage in passages if (end := _end(passage.text)))
    return any(" ".join(words.split()) in said for words in (*prompts.INSTRUCTIONS, *beginnings))


def _end(text: str) -> int:
    """Where the last sentence ends that may be copied and one more; 0 where there are not so many."""
    sentences = [end for start, end in spans(text) if _says_something(text[start:end])]
    return sentences[_MOST_COPIED] if len(sentences) > _MOST_COPIED else 0


def _beginning(text: str, room: int, count: Count) -> str:
    """As much of the text as fits into so many tokens."""
    while text and (needed := count(text)) > room:
        text = text[: min(len(text) - 1, int(len(text) * max(room, 0) / needed))]
    return text


def _block(number: int, passage: Passage, text: str) -> str:
    """A passage as the model reads it. A document cannot close its own passage and speak as the user."""
    title = _TAG.sub("‹", passage.title).replace('"', "'")
    return prompts.PASSAGE.format(number=number, title=title, text=_TAG.sub("‹", text))


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


def _spoken(reply: str) -> str:
    """The reply without thoughts and without the tags of passages."""
    return _ECHOED.sub("", _THINKING.sub("", reply))


def _begun(text: str) -> int:
    """How many characters at the end of the text may be the words of declining, still being written."""
    found = _DECLINING.search(text)
    return len(found[0]) if found else 0


def _says_something(sentence: str) -> bool:
    """False for a heading that a model has copied, for a question, and for stops alone."""
    asks = sentence.rstrip(_QUOTES).endswith(_ASKS)
    return any(letter.isalnum() for letter in sentence) and not asks and not is_heading(sentence)


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
