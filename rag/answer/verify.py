"""Drafts → claims: each sentence with the exact words it stands on and a verdict that does not trust its author.

A claim is supported when its numbers, dates, names and addresses stand in the words cited, nothing that one denies is
stated by the other, nobody says or does what another does there, most of its own words stand there, and the two mean
about the same. It may rest on two sentences if it tells of both, or if one names whom the other speaks of; what they
have apart it must not put together: a cause, what came first, whose a thing is, a year of the other. What claims
nothing ("The answer is:", "The article is correct.") is never supported. A heading supports nothing but tells whom a
pronoun means; a paragraph that gives orders to whoever answers supports nothing.
A model of inference, where one is set, has the last word on what these let stand (`inferred`), and none on the rest.

Measured on tests/data/claims.jsonl, written from the corpus (16 passages; thresholds set on the first 10): of 58 true
claims 48 come out supported; of 118 with a number, name or denial changed, or that the passage does not say, none. The
true ones missed use a full name that the passage does not have, deny in other words, or have too few of its words. On
pairs made by rules and on sentences that a real model wrote: eval/LOG.md.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

from rag.answer.facts import (
    TITLES,
    YEAR,
    Facts,
    contradict,
    facts,
    is_date,
    joined_otherwise,
    misattributes,
    missing_numbers,
    ordinary,
    shortened,
    within,
)
from rag.answer.orders import is_order, statements
from rag.models.embed import Encode
from rag.models.nli import Infer, Relation
from rag.schema import Citation, Claim, Draft, Passage, SourceDocument, Span, Verdict
from rag.sentences import is_heading, spans

SUPPORTED = 1.2  # share of the claim's words found in the citation + cosine between the two, at least
WEAK = 0.9
_OWN_WORDS = 0.65  # share of the claim's words found in the citation that meaning alike cannot make up for
_MOST = 0.6  # share of a sentence's content words that a claim has which tells of it, as one that joins two does
_SOME = 0.3  # the same of a sentence that speaks of "him", beside the one that names him
_BESIDE_HEADING = 0.3  # share of the claim's words in the sentence, where a heading names whom it speaks of
_FEWEST_WORDS = 2  # content words; a sentence with fewer and no name or number claims nothing
NEAR = 600  # characters: the sentence that names whom a pronoun means is not farther back
_CANDIDATES = 24  # sentences compared by meaning, those with most of the claim's words; 24 take 0.1 s to encode
_FIRSTS = 2  # of these, each beside every other: the one with the answer may be told of "him" alone
SPOKEN_OF = re.compile(rf"(?<!since ){YEAR.pattern}")  # "the smallest since 2010" does not tell which year it was
_QUOTED = "the same words"
_LOWER: dict[Verdict, Verdict] = {"supported": "weak", "weak": "unsupported"}


@dataclass(frozen=True)
class Stated:
    """A sentence of a document, with what it says."""

    document: SourceDocument
    span: Span

    @property
    def quote(self) -> str:
        """Its words."""
        return self.document.text[self.span.start : self.span.end]

    @cached_property
    def facts(self) -> Facts:
        """What it says, as far as it can be compared."""
        return facts(self.quote)

    @cached_property
    def years(self) -> frozenset[str]:
        """The years that a date in it may be of: the last one before it in its paragraph, else the document's.

        "The deficit was 382.9 billion." after "2022 was a record." in a paper of 2023 is no figure of 2023.
        """
        before = self.document.text[max(self.span.start - NEAR, 0) : self.span.start].rpartition("\n\n")[2]
        return frozenset(SPOKEN_OF.findall(before)[-1:] or YEAR.findall(f"{self.document.date} {self.document.title}"))


@dataclass(frozen=True)
class _Finding:
    """One or two sentences put to a claim. Findings compare by how well they carry it."""

    evidence: tuple[Stated, ...]
    verdict: Verdict
    score: float
    check: str  # what decided


def verify(
    drafts: Sequence[Draft],
    document: Callable[[str], SourceDocument],
    passages: Sequence[Passage],
    encode: Encode,
    *,
    copies: Callable[[str], Sequence[SourceDocument]] = lambda document_id: (),
) -> tuple[Claim, ...]:
    """Each draft as a claim. A draft that names no source is put to every passage, and cites nothing if none fits.

    What stands in a document of which there are copies is cited in each of these too.
    """
    markers = count(1)
    numbered: dict[Span, Citation] = {}
    everywhere = tuple(passage.span for passage in passages)
    claims = []
    for draft in drafts:
        sentences = _sentences(draft.sources or everywhere, document)
        finding = _finding(draft, sentences, document, encode)
        evidence = finding.evidence if draft.sources or finding.verdict != "unsupported" else ()
        evidence = tuple(place for item in evidence for place in (item, *_elsewhere(item, copies)))
        for item in evidence:
            if item.span not in numbered:
                page = item.document.page_at(item.span.start)
                numbered[item.span] = Citation(next(markers), item.span, item.quote, page)
        cited = tuple(numbered[item.span] for item in evidence)
        claims.append(Claim(draft.text, cited, finding.verdict, finding.check))
    return tuple(claims)


def inferred(claims: Sequence[Claim], document: Callable[[str], SourceDocument], infer: Infer) -> tuple[Claim, ...]:
    """The claims after a model of inference has read each with what it cites, all in one call.

    Contradicted is unsupported, entailed is supported; on what it finds neither, a claim falls by one: supported
    stays to be read as weak, weak had little to stand on before. It is not asked of quotations, nor of claims that
    are unsupported already: a wrong number is wrong whatever it says.
    """
    open_to_it = [at for at, claim in enumerate(claims) if claim.verdict != "unsupported" and claim.check != _QUOTED]
    pairs = [(_premise(claims[at], document), claims[at].text) for at in open_to_it]
    told = dict(zip(open_to_it, infer(pairs) if pairs else (), strict=True))
    return tuple(_after(claim, told[at]) if at in told else claim for at, claim in enumerate(claims))


def _premise(claim: Claim, document: Callable[[str], SourceDocument]) -> str:
    """What a claim cites, after title and date of its document, which may name whom it speaks of and the year."""
    source = document(claim.citations[0].span.document_id)
    quotes = dict.fromkeys(citation.quote for citation in claim.citations)
    return " ".join(filter(None, (f"{source.title}.", source.date and f"{source.date}.", *quotes)))


def _after(claim: Claim, relation: Relation) -> Claim:
    fallen = "unsupported" if relation == "contradiction" else _LOWER[claim.verdict]
    return replace(claim, verdict="supported" if relation == "entailment" else fallen, check=f"inference: {relation}")


def _finding(
    draft: Draft, sentences: Sequence[Stated], document: Callable[[str], SourceDocument], encode: Encode
) -> _Finding:
    """What the sentences make of a draft. An order to whoever answers is no claim."""
    if is_order(draft.text):
        return _Finding((), "unsupported", 0.0, "an order, no claim")
    whole = [Stated(document(source.document_id), source) for source in draft.sources]
    stated = [item for item in whole if len(statements(item.quote, places := spans(item.quote))) == len(places)]
    return _verbatim(draft.text, [*stated, *sentences]) or _find(draft.text, sentences, encode)


def _elsewhere(item: Stated, copies: Callable[[str], Sequence[SourceDocument]]) -> Iterator[Stated]:
    """The same words at the same place of the document's copies."""
    for copy in copies(item.span.document_id):
        place = Stated(copy, Span(copy.document_id, item.span.start, item.span.end))
        if place.quote == item.quote:
            yield place


def _sentences(sources: Sequence[Span], document: Callable[[str], SourceDocument]) -> list[Stated]:
    """The sentences inside the sources, each once; none of a paragraph that gives orders to whoever answers."""
    found: dict[Span, Stated] = {}
    for source in sources:
        whole = document(source.document_id)
        text = whole.text[source.start : source.end]
        for start, end in statements(text, spans(text)):
            span = Span(source.document_id, source.start + start, source.start + end)
            found.setdefault(span, Stated(whole, span))
    return list(found.values())


def _verbatim(text: str, sentences: Sequence[Stated]) -> _Finding | None:
    """The source or sentence that has the same words in the same order; line breaks may differ."""
    words = text.split()
    same = (item for item in sentences if item.quote.split() == words)
    return next((_Finding((item,), "supported", 2.0, _QUOTED) for item in same), None)


def _find(text: str, sentences: Sequence[Stated], encode: Encode) -> _Finding:
    """The sentence, or the two where one does not suffice, that carry the claim best."""
    claim = facts(text)
    likely = sorted(sentences, key=lambda item: -_coverage(claim, item.facts))[:_CANDIDATES]
    stating = [item for item in likely if not is_heading(item.quote)]
    if not stating:
        return _Finding((), "unsupported", 0.0, "nothing to stand on")
    vectors = encode([text, *(item.quote for item in likely)])
    cosine = {item.span: float(value) for item, value in zip(likely, vectors[1:] @ vectors[0], strict=True)}
    best = max((_judged(claim, (item,), cosine) for item in stating), key=_rank)
    if best.verdict == "supported":
        return best
    firsts = dict.fromkeys((*best.evidence, *stating[:_FIRSTS]))  # of the most words, and the best by meaning too
    joined = ((first, item) for first in firsts for item in likely if item != first and _may_join(claim, first, item))
    ordered = dict.fromkeys(tuple(sorted(pair, key=_place)) for pair in joined)
    pairs = (_judged(claim, pair, cosine) for pair in ordered)
    return max((best, *(pair for pair in pairs if pair.verdict != "unsupported")), key=_rank)


def _place(item: Stated) -> Span:
    return item.span


def _rank(finding: _Finding) -> tuple[int, float]:
    return ("unsupported", "weak", "supported").index(finding.verdict), finding.score


def _judged(claim: Facts, evidence: tuple[Stated, ...], cosine: dict[Span, float]) -> _Finding:
    cited = facts("\n".join(item.quote for item in evidence)) if len(evidence) > 1 else evidence[0].facts
    coverage = _coverage(claim, cited)
    score = coverage + max(cosine[item.span] for item in evidence)
    if failed := _failed(claim, cited, evidence):
        return _Finding(evidence, "unsupported", score, failed)
    if score >= WEAK and joined_otherwise(claim, cited):
        return _Finding(evidence, "weak", score, "put together otherwise")
    supported = score >= SUPPORTED and coverage >= _OWN_WORDS and _belong(claim, evidence)
    verdict: Verdict = "supported" if supported else "weak" if score >= WEAK else "unsupported"
    return _Finding(evidence, verdict, score, "words and meaning")


def _belong(claim: Facts, evidence: Sequence[Stated]) -> bool:
    """True if the claim tells of each of the sentences; less of two of which the second leans on the first."""
    if len(evidence) == 1:
        return True
    told = [_coverage(item.facts, claim) for item in evidence]
    return min(told) >= _MOST or (_antecedent(*evidence) and told[1] >= _SOME)


def _failed(claim: Facts, cited: Facts, evidence: Sequence[Stated]) -> str:
    """The first check that the claim does not pass whatever it means; empty where it passes all."""
    checks = (
        ("numbers", lambda: _numbers(claim, cited, evidence)),
        ("names", lambda: _names(claim, cited, evidence[0].document)),
        ("addresses", lambda: claim.addresses - cited.addresses),
        ("denial", lambda: contradict(claim, cited)),
        ("who says or does it", lambda: misattributes(claim, cited)),
        ("nothing claimed", lambda: not _claims_something(claim)),
    )
    return next((name for name, fails in checks if fails()), "")


def _claims_something(claim: Facts) -> bool:
    """False for "Yes." and "The answer is:", which announce or comment."""
    return bool(claim.names or claim.numbers or len(claim.words) >= _FEWEST_WORDS)


def _numbers(claim: Facts, cited: Facts, evidence: Sequence[Stated]) -> frozenset[str]:
    """The claim's numbers that the cited words lack; a year that is understood there need not be repeated."""
    missing = missing_numbers(claim, cited)
    if any(SPOKEN_OF.search(item.quote) for item in evidence):
        return missing
    return missing - frozenset.intersection(*(item.years for item in evidence))


def _names(claim: Facts, cited: Facts, document: SourceDocument) -> list[str]:
    """The claim's names that the cited words lack."""
    words = [word for word, _ in cited.words]
    missing = [name for name in claim.names if name.lower() not in TITLES and not within(name, words)]
    if claim.first in missing and within(claim.first, ordinary(document.text)):
        missing.remove(claim.first)  # an ordinary word at the start of a sentence
    return [name for name in missing if not shortened(name, claim, words, document.text)]


def _may_join(claim: Facts, first: Stated, second: Stated) -> bool:
    """True if the second sentence may supply what the first lacks, because the first has no rival to it.

    "Yellen arrived on Sunday" is not carried by "Blinken arrived on Sunday" and a sentence that names Yellen.
    """
    if is_heading(second.quote) and not (
        _antecedent(second, first) and _coverage(claim, first.facts) >= _BESIDE_HEADING
    ):
        return False
    if _named_elsewhere(claim, first, second) or _named_elsewhere(claim, second, first):
        return False
    leaning = _antecedent(second, first) or _antecedent(first, second)
    if not leaning and _rival_names(claim, second.facts):
        return False
    if _supplied(claim, first, second) and not _antecedent(second, first) and _rival_names(claim, first.facts):
        return False
    supplied = (claim.numbers - first.facts.numbers) & second.facts.numbers
    years = frozenset(filter(YEAR.fullmatch, supplied))
    if years - first.years and first.years and not any(map(YEAR.fullmatch, first.facts.numbers)):
        return False
    rivals = first.facts.numbers - claim.numbers
    return not any(is_date(number) == is_date(rival) for number in supplied for rival in rivals)


def _supplied(claim: Facts, first: Stated, second: Stated) -> list[str]:
    """The claim's names that the second sentence has and the first lacks."""
    return [name for name in _names(claim, first.facts, first.document) if within(name, second.facts.names)]


def _named_elsewhere(claim: Facts, first: Stated, second: Stated) -> bool:
    """True if the first speaks of "he" or "they" and the second, which cannot tell who that is, supplies names.

    "Ortiz met Lind" is not carried by "He met Lind", said of Sand, and a sentence elsewhere that names Ortiz.
    """
    named = first.facts.leads and not claim.leads
    return named and bool(_supplied(claim, first, second)) and not _antecedent(second, first)


def _antecedent(second: Stated, first: Stated) -> bool:
    """True if the second sentence may name whom a pronoun of the first means."""
    near = 0 <= first.span.start - second.span.end < NEAR
    return first.facts.refers and near and first.span.document_id == second.span.document_id


def _rival_names(claim: Facts, first: Facts) -> bool:
    return any(name.lower() not in TITLES and not within(name, claim.names) for name in first.names)


def _coverage(claim: Facts, cited: Facts) -> float:
    """The share, 0 to 1, of the claim's content words that the cited words have in some form."""
    cited_words = [word for word, _ in cited.words]
    return sum(within(word, cited_words) for word, _ in claim.words) / max(len(claim.words), 1)
