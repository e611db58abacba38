"""`Chatbot`: a question, in its conversation, becomes an answer whose every sentence shows what it stands on."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from rag import question as asked
from rag.answer import abstain, calibration, extract
from rag.answer.differ import differing
from rag.answer.lists import completed, joined
from rag.answer.marks import is_told, mark
from rag.answer.verify import verify
from rag.errors import LoadError, ModelError, StoreError
from rag.feedback import Feedback, keep
from rag.index.lexical import terms
from rag.index.store import Store
from rag.models.embed import Encode, question_encoder
from rag.models.first_use import at_first_use
from rag.models.nli import Infer, inference
from rag.models.reader import Read, Reader, Reading
from rag.models.remembered import Remembered
from rag.models.rerank import Rerank, order, reranker
from rag.retrieve import Hit, as_read, heading_of, passages, read_closely, retrieve
from rag.schema import (
    EVERYTHING,
    Answer,
    Box,
    Citation,
    Claim,
    Draft,
    Evidence,
    Exchange,
    Passage,
    Scope,
    SourceDocument,
    Span,
    Trace,
    Turn,
    Weighed,
)
from rag.settings import Settings
from rag.suggest import Suggestion, suggest

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

    from rag.load.viewer import Viewer

NOT_SAID = "The documents do not say."
OWN_WORDS = "These are the documents' own words instead."
_LONGEST_QUESTION = 4000  # characters; beyond that it is no question, and each of its names would be looked up
_MOST_COPIES = 3  # cited beside a document; whoever keeps ten copies of a file need not see ten numbers
_RECENT = 9  # earlier questions that a search takes up, beside the first; the pull of older ones is below .05
_LOOKED_AT = 60  # documents that examples are looked for in
_MOST_UNKNOWN = 5  # names shown with it that the documents lack
_WHEN_TOLD = 0.5  # of the margin within which others are quoted too, where the best sentence holds the fact asked for
_CITED = 2  # passages of the answer before that a follow-up is asked of as well
_NEAREST = 3  # passages shown with an answer that is none
_NEAR = -3.5  # log-odds from which the best sentence is shown with it


@dataclass(frozen=True, slots=True)
class _Understood:
    """A question in its conversation: as it is answered alone, as it is read, as it is searched after earlier ones."""

    alone: str
    read: str
    searched: str
    earlier: tuple[str, ...] = ()
    cited: tuple[Span, ...] = ()  # by the answer that a follow-up goes on from: it is asked of these places too


@dataclass(slots=True)
class _Course:
    """What a question went through until it was answered, for whoever asks why."""

    evidence: Evidence = field(default_factory=lambda: Evidence("", (), (), {}, 0.0))
    exchanges: list[Exchange] = field(default_factory=list)
    claims: tuple[Claim, ...] = ()


class Chatbot:
    """Answers questions over an index. Safe to share between threads; conversations are the caller's to keep."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        encode: Encode,
        read: Read,
        rerank: Rerank | None = None,
        llm: "LLM | None" = None,
        infer: Infer | None = None,
        calibrated: calibration.Calibration | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._encode = encode
        self._read = read
        self._rerank = rerank
        self._llm = llm
        self._infer = infer
        self._calibrated = calibrated or calibration.shipped()
        self._looking: Viewer | None = None
        self._lock = Lock()

    @classmethod
    def open(cls, settings: Settings | None = None) -> Self:
        """A chatbot over the index at `settings.home`. Raises StoreError, ConfigError or ModelError.

        Its `settings.answer_threshold` is that of `max_wrong`, where this is set; ConfigError when none keeps it.
        What reads and encodes is loaded at the first question that needs it, so ModelError may come there too.
        """
        settings = settings or Settings()
        calibrated = calibration.of(settings)
        if settings.max_wrong is not None:
            settings = settings.model_copy(update={"answer_threshold": calibrated.threshold(settings.max_wrong)})
        llm = None
        if settings.llm != "none":
            from rag.models.llm import language_model

            llm = language_model(settings)
        return cls(
            Store.open(settings),
            settings,
            encode=Remembered(at_first_use(lambda: question_encoder(settings))),
            read=at_first_use(Reader),
            rerank=at_first_use(lambda: reranker(settings.reranker)) if settings.reranker else None,
            llm=llm,
            infer=at_first_use(lambda: inference(settings.nli)) if settings.nli else None,
            calibrated=calibrated,
        )

    @property
    def settings(self) -> Settings:
        """What it was opened with, or adjusted to."""
        return self._settings

    def facts(self) -> dict[str, Any]:
        """How many documents and chunks are indexed, and with which model; no index is opened and no folder walked."""
        documents, chunks = self._store.catalog.count()
        return {"documents": documents, "chunks": chunks, "built with": self._store.catalog.meta("model")}

    def close(self) -> None:
        """Let go of the index's files, and end the processes that look into documents."""
        if self._looking is not None:
            self._looking.close()
        self._store.close()

    def adjusted(self, *, passages: int, sentences: int, threshold: float, written: bool = True) -> Self:
        """The same chatbot answering from so many passages, in so many sentences, from this probability on.

        Not `written`: in the documents' own words, also where a language model is set. Both share one index.
        """
        changed = {"passages": passages, "sentences": sentences, "answer_threshold": threshold}
        settings = self._settings.model_validate(self._settings.model_dump() | changed)
        llm = self._llm if written else None
        return type(self)(
            self._store,
            settings,
            encode=self._encode,
            read=self._read,
            rerank=self._rerank,
            llm=llm,
            infer=self._infer,
            calibrated=self._calibrated,
        )

    def keep(self, feedback: Feedback) -> None:
        """Keep what a person said of an answer in the index folder. Raises StoreError where it cannot be written."""
        keep(self._settings.home, feedback)

    def retrieve(
        self, question: str, k: int = 10, *, history: Sequence[Turn] = (), scope: Scope = EVERYTHING
    ) -> tuple[Passage, ...]:
        """The `k` passages nearest to a question in the documents in scope, best first.

        After earlier turns it is searched as it is asked: drawn towards what was asked before.
        """
        hits = self._hits(self._meant(question, history, []), scope)
        return passages(hits, self._store.catalog.document, k)

    def ask(self, question: str, history: Sequence[Turn] = (), *, scope: Scope = EVERYTHING) -> Answer:
        """The whole, checked answer; where a language model fails, quotations with a remark that says why."""
        *_, answer = self.stream(question, history, scope=scope)
        return answer

    def stream(self, question: str, history: Sequence[Turn] = (), *, scope: Scope = EVERYTHING) -> Iterator[Answer]:
        """The answer while it grows; only the final one has claims and is checked.

        Each extends the last, but the final one takes their place: sentences may have been taken out of it, or a
        language model has failed and it is made of quotations.
        """
        for trace in self.traced(question, history, scope=scope):
            yield trace.answer

    def traced(self, question: str, history: Sequence[Turn] = (), *, scope: Scope = EVERYTHING) -> Iterator[Trace]:
        """As `stream`, each answer with what it has come from so far; it costs nothing more."""
        course = _Course()
        threshold = self._settings.answer_threshold
        for grown in self._steps(question, history, scope, course):
            exchanges = tuple(replace(one, failure=self._without_key(one.failure)) for one in course.exchanges)
            answer = replace(_counted(grown, exchanges), remark=self._without_key(grown.remark))
            yield Trace(answer, course.evidence, threshold, exchanges, course.claims)

    def _without_key(self, words: str) -> str:
        """What a server says of a failure may quote the key that it was given."""
        key = self._settings.llm_key.get_secret_value()
        return words.replace(key, "…") if key else words

    def trace(self, question: str, history: Sequence[Turn] = (), *, scope: Scope = EVERYTHING) -> Trace:
        """The answer with all that it came from.

        Not a part of every answer: those are kept, by the page in the browser, and it is many times as long.
        """
        *_, trace = self.traced(question, history, scope=scope)
        return trace

    def _steps(self, question: str, history: Sequence[Turn], scope: Scope, course: _Course) -> Iterator[Answer]:
        understood = self._meant(question, history, course.exchanges)
        evidence = course.evidence = self._evidence(understood, scope)
        failure = next((exchange.failure for exchange in course.exchanges if exchange.failure), "")
        if not evidence.passages or evidence.confidence < self._settings.answer_threshold:
            yield self._declined(question, evidence, evidence.passages, evidence.confidence)
        elif self._llm is None or failure:  # a model that has just failed is not waited for again
            answer = self._quoted(question, evidence, f"{failure} {OWN_WORDS}" if failure else "")
            course.claims = answer.claims
            yield answer
        else:
            yield from self._written(self._llm, question, course)

    def explain(self, question: str, history: Sequence[Turn] = (), *, scope: Scope = EVERYTHING) -> Evidence:
        """What the answer would be decided from: passages, each sentence weighed, and the confidence."""
        return self._evidence(self._meant(question, history, []), scope)

    def _evidence(self, understood: _Understood, scope: Scope) -> Evidence:
        meant, hits = understood.alone, self._hits(understood, scope)
        found = self._found(hits, understood.cited)
        shown = [hit for hit in hits if any(passage.span.overlaps(hit.chunk.span) for passage in found)]
        shown.sort(key=lambda hit: not any(map(hit.chunk.span.overlaps, understood.cited)))
        readings = self._readings(understood.read, shown[: self._settings.read])
        weighed = extract.rate(
            meant,
            found,
            readings,
            encode=self._encode,
            rarity=self._rarity,
            weights=abstain.weights()["sentence"],
        )
        facts = self._facts(meant, weighed)
        confidence = self._calibrated.probability(facts)
        if self._rerank is None:
            found = as_read(found, readings)
        return Evidence(meant, found, tuple(weighed), facts, confidence, differing(meant, weighed))

    def examples(self, most: int = 5) -> tuple[str, ...]:
        """Questions to begin with: those in `questions.txt` beside the corpus, where that is what is indexed.

        Else made of the documents' own sentences, of documents spread over the index; none where no sentence has a
        plain enough shape.
        """
        corpus = self._settings.corpus.resolve()
        written = corpus.parent / "questions.txt"
        if written.is_file() and any(root.path == corpus for root in self._store.catalog.roots()):
            lines = written.read_text(encoding="utf-8").splitlines()
            return tuple(line for line in lines if line.strip())[:most]
        ids = self.documents()
        spread = ids[:: max(1, len(ids) // _LOOKED_AT)][:_LOOKED_AT]
        first = {found.span.document_id: found for found in reversed(suggest(self._present(spread)))}
        return tuple(found.question for found in list(first.values())[::-1][:most])

    def follow_ups(self, history: Sequence[Turn], most: int = 3, *, scope: Scope = EVERYTHING) -> tuple[str, ...]:
        """Questions that other sentences of the documents found for the newest answer would answer, the nearest first.

        Only such as find their sentence when they are asked.
        """
        if not history:
            return ()
        answer, asked = history[-1].answer, {turn.question for turn in history}
        cited = [citation.span for citation in answer.citations]
        places = [*cited, *(passage.span for passage in answer.passages)]
        near = suggest(self._present(dict.fromkeys(place.document_id for place in places)))
        fresh = [one for one in near if one.question not in asked and not any(map(one.span.overlaps, cited))]
        fresh.sort(key=lambda one: min((_apart(one.span, place) for place in cited), default=math.inf))
        found = (one for one in fresh[: 2 * most] if self._finds(one, scope))
        return tuple(one.question for one in islice(found, most))

    def _present(self, document_ids: Iterable[str]) -> Iterator[SourceDocument]:
        return (found for id_ in document_ids if (found := self._store.catalog.document(id_)))

    def _finds(self, suggestion: Suggestion, scope: Scope) -> bool:
        passages = self.retrieve(suggestion.question, self._settings.passages, scope=scope)
        return any(suggestion.span.overlaps(passage.span) for passage in passages)

    def document(self, document_id: str) -> SourceDocument:
        """A document as indexed: the text that spans count in. Raises StoreError when there is none of that id."""
        document = self._store.catalog.document(document_id)
        if document is None:
            raise StoreError(f"No document {document_id!r} in the index. `rag status` lists what there is.")
        return document

    def boxes(self, span: Span) -> tuple[Box, ...]:
        """Where a span of a PDF stands on its pages, for a viewer to mark; these pages are read anew for it.

        Empty where the document is no PDF, or its file has gone or changed since. Raises LoadError where it cannot be
        read within the memory of an ingest and 20 s, or ten times that for scans.
        """
        path = self._pdf(span.document_id)
        document = self._store.catalog.document(span.document_id)
        if path is None or document is None:
            return ()
        return self._viewer().boxes(path, document, span.start, span.end)

    def sheets(self, document_id: str) -> tuple[tuple[float, float], ...]:
        """Width and height of each page of a PDF in points, as it is shown; empty and LoadError as for `boxes`."""
        path = self._pdf(document_id)
        return () if path is None else self._viewer().sizes(path)

    def sheet(self, document_id: str, page: int, *, width: int = 1100) -> bytes:
        """A page of a PDF, the first being 1, as a picture in JPEG that is `width` pixels wide.

        Raises LoadError where there is none: no PDF, its file has gone or changed, no such page, or a damaged one.
        """
        path = self._pdf(document_id)
        if path is None:
            raise LoadError(f"no pages of {document_id} can be shown: it is no PDF, or its file has gone or changed")
        return self._viewer().picture(path, page, width)

    def original(self, document_id: str) -> Path | None:
        """The file that a document was read from; None where there is none, or it has gone or changed since."""
        path, sha256 = self._store.catalog.file(document_id) or (Path(), "")
        return path if sha256 and self._viewer().holds(path, sha256) else None

    def _pdf(self, document_id: str) -> Path | None:
        path = self.original(document_id)
        return path if path and path.suffix.lower() == ".pdf" else None

    def _viewer(self) -> "Viewer":
        """What looks into files again, made when it is first asked for: importing the loaders takes 0.4 s."""
        with self._lock:
            if self._looking is None:
                from rag.load.viewer import Viewer

                self._looking = Viewer(self._settings)
            return self._looking

    def evaluation(self) -> str | None:
        """The newest report that `rag eval` made of this index, as HTML; None where there is none."""
        path = self._settings.home / "evaluations" / "report.html"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def documents(self) -> tuple[str, ...]:
        """The id of every document, in order."""
        return tuple(document_id for document_id, _, _ in self._store.catalog.documents())

    def _hits(self, meant: _Understood, scope: Scope) -> tuple[Hit, ...]:
        if not meant.searched:
            return ()
        hits = retrieve(self._store, self._encode, meant.searched, self._settings, scope, meant.earlier)
        return hits if self._rerank is None else _reranked(hits, meant.alone, self._rerank, self._settings.reranked)

    def _found(self, hits: Sequence[Hit], cited: Sequence[Span]) -> tuple[Passage, ...]:
        """The best passages, the last of them giving way to those of the hits that hold what was cited before."""
        most, document = self._settings.passages, self._store.catalog.document
        found = passages(hits, document, most)
        again = passages([hit for hit in hits if any(map(hit.chunk.span.overlaps, cited))], document, _CITED)
        more = [passage for passage in again if not any(map(passage.span.overlaps, (one.span for one in found)))]
        return (*found[: max(most - len(more), 1)], *more)[:most]

    def _readings(self, question: str, hits: Sequence[Hit]) -> dict[Span, Reading]:
        """What the reader makes of each sentence of the chunks, by its place in its document."""
        spans = [hit.chunk.span for hit in hits]
        return {
            Span(span.document_id, span.start + reading.start, span.start + reading.end): reading
            for span, readings in zip(spans, read_closely(hits, question, self._read), strict=True)
            for reading in readings
        }

    def _meant(self, question: str, history: Sequence[Turn], heard: list[Exchange]) -> _Understood:
        """A follow-up made to stand alone, by the language model or by rule; all empty where nothing is asked."""
        if not question.strip():
            return _Understood("", "", "")
        goes_on = history and asked.follows_up(question)
        cited = tuple(citation.span for citation in history[-1].answer.citations) if goes_on else ()
        if history and (rewritten := self._rewritten(question, history, heard)):
            alone = _plain(rewritten)
            return _Understood(alone, alone, alone, cited=cited)
        earlier = [_plain(turn.question) for turn in history if turn.question.strip()]
        return _Understood(
            _plain(asked.standalone(question, history)),
            _plain(asked.bare(question, history)),
            _plain(question),
            (*earlier[:1], *earlier[1:][-_RECENT:]),
            cited,
        )

    def _rewritten(self, question: str, history: Sequence[Turn], heard: list[Exchange]) -> str | None:
        """The question in the language model's words; None without a model, and when it fails or writes none."""
        if self._llm is None:
            return None
        from rag.answer import generate

        reply, timeout = self._settings.llm_reply, self._settings.llm_timeout
        try:
            return generate.standalone(self._llm, question, history, reply=reply, timeout=timeout, heard=heard)
        except ModelError:  # the documents can be searched all the same
            return None

    def _quoted(self, question: str, evidence: Evidence, remark: str = "") -> Answer:
        """The answer in the documents' own words."""
        most, margin = self._settings.sentences, self._settings.sentence_margin
        if evidence.sentences and is_told(evidence.question, evidence.sentences[0]):
            margin *= _WHEN_TOLD
        drafts = extract.choose(
            evidence.sentences,
            most=most,
            margin=margin,
            differing=evidence.differing,
            several=asked.asks_for_several(evidence.question),
        )
        if drafts:
            drafts = completed(evidence.question, drafts, evidence.passages, evidence.sentences[0].span)
        answer = self._checked(question, drafts, evidence)
        return replace(answer, remark=" ".join(filter(None, (remark, answer.remark))))

    def _written(self, llm: "LLM", question: str, course: _Course) -> Iterator[Answer]:
        from rag.answer import generate

        evidence, settings = course.evidence, self._settings
        found, confidence, asked_for = evidence.passages, evidence.confidence, evidence.question
        try:
            for reply in generate.stream(
                llm,
                asked_for,
                found,
                window=settings.llm_context,
                reply=settings.llm_reply,
                timeout=settings.llm_timeout,
                heard=course.exchanges,
            ):
                yield Answer(question, generate.readable(reply), (), found, False, confidence, asked_for)
        except ModelError as error:
            yield self._quoted(question, evidence, f"{error} {OWN_WORDS}")
            return
        said = course.exchanges[-1]
        whole = generate.ended(said, settings.llm_reply)
        drafts = () if generate.declined(said.reply) else generate.drafts(whole, found)[0]
        answer = self._checked(
            question, drafts, evidence, partial(generate.check, infer=self._infer, evidence=evidence)
        )
        course.claims = answer.claims
        yield self._kept(answer, evidence, self._strictness(llm))

    def _strictness(self, llm: "LLM") -> str:
        from rag.models.llm import small

        if self._settings.strictness != "auto":
            return self._settings.strictness
        return "agree" if small(llm) else "strict"

    def _kept(self, answer: Answer, evidence: Evidence, strictness: str) -> Answer:
        """What the settings let stand of a language model's answer; quotations where that is nothing."""
        from rag.answer import generate

        if answer.abstained or strictness == "show":
            return answer
        kept = generate.strict(answer)
        if not kept.claims:
            wrote = "wrote nothing that the documents support"
        elif strictness == "agree" and not generate.agrees(kept, evidence):
            wrote = "did not write what answers the question best"
        else:
            return kept
        remark = f"The language model {wrote}. {OWN_WORDS}"
        return replace(self._quoted(answer.question, evidence, remark), withheld=kept.withheld)

    def _checked(
        self,
        question: str,
        drafts: Sequence[Draft],
        evidence: Evidence,
        check: Callable[..., tuple[Claim, ...]] = verify,
    ) -> Answer:
        """The drafts as an answer; none when nothing was drafted, or all its documents have changed meanwhile."""
        sources = {passage.span.document_id: None for passage in evidence.passages}
        documents = {id_: source for id_ in sources if (source := self._store.catalog.document(id_))}
        found = tuple(passage for passage in evidence.passages if _stands(passage, documents))
        drafts = [standing for draft in drafts if (standing := _without_changed(draft, found))]
        if not drafts:
            confidence = min(evidence.confidence, self._settings.answer_threshold)
            return self._declined(question, evidence, found, confidence)
        claims = check(drafts, documents.__getitem__, found, self._encode, copies=self._copies)
        claims = mark(evidence.question, claims, evidence.sentences)
        text = joined(claim.text for claim in claims)
        remark = _disagreement(evidence)
        return Answer(question, text, claims, found, False, evidence.confidence, evidence.question, remark=remark)

    def _declined(self, question: str, evidence: Evidence, found: Sequence[Passage], confidence: float) -> Answer:
        """That the documents do not say, with the passages nearest to it and the names that they never mention."""
        unknown = self._unknown(asked.names(evidence.question))
        named = ", ".join(f"“{name}”" for name in unknown[:_MOST_UNKNOWN])
        remark = f"Nowhere in the documents: {named}." if unknown else ""
        quotes = tuple(self._near(evidence))
        shown = sorted(found, key=lambda one: not any(_inside(quote.span, one.span) for quote in quotes))[:_NEAREST]
        return Answer(
            question, NOT_SAID, (), tuple(shown), True, confidence, evidence.question, remark=remark, nearest=quotes
        )

    def _near(self, evidence: Evidence) -> Iterator[Citation]:
        """The best sentence, if it comes near to an answer and still stands where it was found."""
        for best in evidence.sentences[:1]:
            source = self._store.catalog.document(best.span.document_id)
            if best.score >= _NEAR and source and source.text[best.span.start : best.span.end] == best.text:
                yield Citation(1, best.span, best.text, source.page_at(best.span.start))

    def _copies(self, document_id: str) -> list[SourceDocument]:
        """Other files of the same content, as far as a reader wants to see them."""
        others = self._store.catalog.copies(document_id)[:_MOST_COPIES]
        return [source for other in others if (source := self._store.catalog.document(other))]

    def _facts(self, question: str, weighed: Sequence[Weighed]) -> dict[str, float]:
        names = asked.names(question)
        unknown = len(self._unknown(names)) / len(names) if names else 0.0
        return abstain.evidence(weighed, unknown=unknown)

    def _unknown(self, names: Sequence[str]) -> list[str]:
        """Those of the names that stand nowhere in the documents."""
        return [name for name in names if not all(self._store.document_frequency(term) for term in terms(name))]

    def _rarity(self, term: str) -> float:
        """Inverse document frequency as BM25 has it (Robertson & Zaragoza, 2009), always positive."""
        present = self._store.document_frequency(term)
        return math.log(1 + (self._store.catalog.count()[1] - present + 0.5) / (present + 0.5))


def _counted(answer: Answer, exchanges: Sequence[Exchange]) -> Answer:
    """The answer with the tokens of its exchanges."""
    if not exchanges:
        return answer
    return replace(
        answer,
        tokens_read=sum(exchange.tokens_read for exchange in exchanges),
        tokens_written=sum(exchange.tokens_written for exchange in exchanges),
        tokens_are="estimated" if any(one.tokens_are == "estimated" for one in exchanges) else "counted",
    )


def _apart(one: Span, other: Span) -> float:
    """How many characters lie between the beginnings of two spans; endlessly many between two documents."""
    return abs(one.start - other.start) if one.document_id == other.document_id else math.inf


def _plain(question: str) -> str:
    """The question as the models can take it: half characters become "?", and what is too long to be asked goes."""
    return question[:_LONGEST_QUESTION].encode(errors="replace").decode()


def _stands(passage: Passage, documents: Mapping[str, SourceDocument]) -> bool:
    """True if the passage's words are still where they were found."""
    span = passage.span
    return span.document_id in documents and documents[span.document_id].text[span.start : span.end] == passage.text


def _without_changed(draft: Draft, found: Sequence[Passage]) -> Draft | None:
    """The draft with those of its sources that lie in the passages; None when it had some and has none left."""
    sources = tuple(span for span in draft.sources if any(_inside(span, passage.span) for passage in found))
    return Draft(draft.text, sources) if sources or not draft.sources else None


def _inside(span: Span, outer: Span) -> bool:
    return span.document_id == outer.document_id and outer.start <= span.start and span.end <= outer.end


def _reranked(hits: Sequence[Hit], question: str, rerank: Rerank, most: int) -> tuple[Hit, ...]:
    """The hits with the first `most` put in order by the reranker.

    The fused scores stay at their places, the best at the first: what comes after orders and weighs by them.
    """
    places = order(rerank, question, [f"{heading_of(hit.chunk)}. {hit.chunk.text}" for hit in hits], most=most)
    return tuple(replace(hits[place], score=hit.score) for place, hit in zip(places, hits, strict=True))


def _disagreement(evidence: Evidence) -> str:
    """Which two documents say otherwise, each with its date; empty where none is seen to."""
    if evidence.differing is None:
        return ""
    dates = {passage.span.document_id: passage.date for passage in evidence.passages}
    names = [one.span.document_id for one in (evidence.sentences[0], evidence.differing)]
    told = " and ".join(f"{name} ({dates[name]})" if dates.get(name) else name for name in names)
    return f"The documents differ: {told} do not say the same."
