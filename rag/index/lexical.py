"""Words in Tantivy, derived from the catalog; the only importer of tantivy.

Text is indexed and not stored: what is shown always comes from the catalog.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import islice, pairwise
from pathlib import Path

import tantivy

from rag.index.catalog import Chunk
from rag.question import quoted

_FIELD = "words"
_MOST_TERMS = 64  # terms of one question that are looked up
_MOST_PHRASES = 16
_SIDE_BY_SIDE = 0.2  # weight of a pair of neighbours: nDCG@10 +.001 to +.009 on five sets, see eval/LOG.md
_APART = 3  # places at most between neighbours, stop words skipped: "ship of the line"
_MANY = 500  # chunks from which words and pairs are faster looked for at once
_QUOTED = 1.0  # weight of words in quotes, as they stand there
_Clause = tuple[tantivy.Occur, tantivy.Query]
_Phrase = tuple[tuple[int, str], ...]  # places from the first, and what stands there
_STOP_WORDS = """
    a about an and any are as at be been but by can could did do does for from had has have how i in is it its many me
    much of on or should tell that the their them there they this to was were what when where which who whom whose why
    will with would you your
"""


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.lowercase())
    return builder.filter(tantivy.Filter.ascii_fold()).filter(tantivy.Filter.stemmer("english")).build()


def terms(text: str) -> list[str]:
    """The text's words as the index sees them: folded and stemmed, in order, stop words left out."""
    return [term for term in _analyzer().analyze(text) if term not in _STOP_STEMS]


_STOP_STEMS = frozenset(_analyzer().analyze(_STOP_WORDS))


class LexicalIndex:
    """BM25 over title, heading path and text as one field (k1 1.2, b 0.75, Tantivy's own).

    Fields of their own with half the weight found less: recall@5 of the fused ranking .766 to .795 on the corpus's dev
    questions, alike (.962) on 600 of SQuAD 2.0's.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        builder = tantivy.SchemaBuilder().add_text_field("id", stored=True, tokenizer_name="raw")
        builder.add_text_field("document", stored=False, tokenizer_name="raw", index_option="basic")
        builder.add_text_field(_FIELD, stored=False, tokenizer_name="chunk_words")
        self._index = tantivy.Index(builder.build(), path=str(folder))
        self._index.register_tokenizer("chunk_words", _analyzer())
        self._index.config_reader(reload_policy="manual")

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Put chunks in, in one commit; safe to repeat."""
        with self._writing() as writer:
            for chunk in chunks:
                writer.delete_documents_by_term("id", chunk.id)
                writer.add_document(_document(chunk))

    def hold(self, chunks: Iterable[Chunk]) -> None:
        """Hold these chunks and nothing else, in one commit.

        Tantivy only marks what is deleted (0.27, which cannot be told to merge): its words stayed in the files and were
        counted in document frequencies. So whenever a chunk goes, all others are written anew: 10,000 in 2.6 s.
        """
        with self._writing() as writer:
            writer.delete_all_documents()
            for chunk in chunks:
                writer.add_document(_document(chunk))

    def search(
        self, texts: Mapping[str, float], k: int, within: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """(id, BM25 score) of the `k` best chunks, best first; empty when no word is known.

        `texts` is what is asked, each with its weight. `within`: the numbers of the documents to search, all where it
        is None.
        """
        words, pairs = self._words(texts), self._pairs(texts)
        if k > _MANY:
            found = self._best([*words, *pairs], k, within, "document")
        else:
            found = self._best(words, k, within, "document")
            beside = self._best(pairs, k, found, "id")
            found = {id_: score + beside.get(id_, 0.0) for id_, score in found.items()}
        return sorted(found.items(), key=lambda item: -item[1])

    def document_frequency(self, term: str) -> int:
        """In how many chunks, with what they stand under, a term (as `terms` gives it) is found."""
        return self._index.searcher().doc_freq(_FIELD, term)

    def holds(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids whose chunk is in it."""
        searcher, schema = self._index.searcher(), self._index.schema
        return {id_ for id_ in ids if searcher.search(tantivy.Query.term_query(schema, "id", id_), limit=1).hits}

    def ids(self) -> set[str]:
        """The id of every chunk in it."""
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.all_query(), limit=max(searcher.num_docs, 1)).hits
        return {str(searcher.doc(address)["id"][0]) for _, address in hits}

    def count(self) -> int:
        """How many chunks it holds."""
        return self._index.searcher().num_docs

    @contextmanager
    def _writing(self) -> Iterator[tantivy.IndexWriter]:
        writer = self._index.writer(heap_size=50_000_000, num_threads=1)
        yield writer
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def _best(self, clauses: Sequence[_Clause], k: int, within: Collection[str] | None, field: str) -> dict[str, float]:
        """The `k` best chunks with their scores, of those whose `field` is `within`; none without clauses."""
        if not clauses:
            return {}
        query = tantivy.Query.boolean_query(clauses)
        if within is not None:
            asked = tantivy.Query.term_set_query(self._index.schema, field, list(within))
            scoreless = tantivy.Query.const_score_query(asked, 0.0)
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, scoreless)])
        searcher = self._index.searcher()
        hits = searcher.search(query, limit=k, count=False).hits
        return {str(searcher.doc(address)["id"][0]): float(score) for score, address in hits}

    def _words(self, texts: Mapping[str, float]) -> list[_Clause]:
        """Any of the words and of what stands in quotes, which count once, with the greatest weight of their texts."""
        words, quotes = dict[str, float](), dict[_Phrase, float]()
        for text, weight in sorted(texts.items(), key=lambda item: item[1]):
            words |= dict.fromkeys(terms(text)[:_MOST_TERMS], weight)
            quotes |= dict.fromkeys(map(_in_quotes, quoted(text)[:_MOST_PHRASES]), _QUOTED * weight)
        make = partial(tantivy.Query.term_query, self._index.schema, _FIELD)
        return _any((make(word), weight) for word, weight in words.items()) + self._phrases(quotes)

    def _pairs(self, texts: Mapping[str, float]) -> list[_Clause]:
        """Any two words of a text that are neighbours there.

        They are looked for in what the words have found: in a million chunks a search for words alone skips most of
        them, and one for phrases as well reads them all.
        """
        pairs = dict[_Phrase, float]()
        for text, weight in sorted(texts.items(), key=lambda item: item[1]):
            pairs |= dict.fromkeys(islice(_neighbours(text), _MOST_PHRASES), _SIDE_BY_SIDE * weight)
        return self._phrases(pairs)

    def _phrases(self, phrases: Mapping[_Phrase, float]) -> list[_Clause]:
        make = partial(tantivy.Query.phrase_query, self._index.schema, _FIELD)
        return _any((make(list(phrase)), weight) for phrase, weight in phrases.items() if len(phrase) > 1)


def _any(found: Iterable[tuple[tantivy.Query, float]]) -> list[_Clause]:
    return [(tantivy.Occur.Should, tantivy.Query.boost_query(query, weight)) for query, weight in found]


def _neighbours(text: str) -> Iterator[_Phrase]:
    """Each two terms that follow one another, with the place of the second from the first."""
    placed = [(place, word) for place, word in enumerate(_analyzer().analyze(text)) if word not in _STOP_STEMS]
    for (place, word), (other_place, other) in pairwise(placed):
        if other_place - place <= _APART:
            yield (0, word), (other_place - place, other)


def _in_quotes(text: str) -> _Phrase:
    return tuple(enumerate(_analyzer().analyze(text)))


def _document(chunk: Chunk) -> tantivy.Document:
    return tantivy.Document(
        id=chunk.id, document=chunk.document, **{_FIELD: f"{chunk.title}\n{chunk.heading}\n{chunk.text}"}
    )
