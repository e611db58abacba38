"""One ranking from two, and passages that are exact, joined where they belong together, and shown once."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

import rag
from rag import Settings
from rag.chunk import chunk_spans, word_starts
from rag.index.catalog import Chunk
from rag.index.lexical import terms
from rag.index.store import Store
from rag.models.reader import Excerpt, Reading
from rag.retrieve import Hit, as_read, fuse, heading_of, passages, read_closely, retrieve
from rag.schema import Passage, SourceDocument, Span
from tests.conftest import CORPUS
from tests.fakes import HashEmbedding, hash_encode

SENTENCES = [f"Sentence {word} of its own kind." for word in "alpha beta gamma delta epsilon zeta eta theta".split()]
TEXT = " ".join(SENTENCES)
DOCUMENT = SourceDocument("a.pdf", "A", None, TEXT, (0, len(SENTENCES[0])))


def document(document_id: str) -> SourceDocument | None:
    """The one document there is."""
    return DOCUMENT if document_id == "a.pdf" else None


def sentence(number: int, *, score: float = 0.5) -> Hit:
    """The chunk of one sentence of the document."""
    start = TEXT.index(SENTENCES[number])
    return hit(f"a-{number}", Span("a.pdf", start, start + len(SENTENCES[number])), SENTENCES[number], score)


def hit(id_: str, span: Span, text: str, score: float = 0.5, page: int | None = None) -> Hit:
    """A chunk that was found."""
    return Hit(Chunk(id_, span, text, "A", "", page, np.zeros(2, dtype=np.float32)), score, 0.0, score)


def other(number: int, text: str) -> Hit:
    """A chunk that is a document of its own."""
    return hit(f"{number}-0", Span(f"{number}.md", 0, len(text)), text)


# Fusion


def test_score_is_cosine_plus_weighted_share_of_the_best_bm25() -> None:
    """Worked by hand: 0.6 + 0.3 * 2/8, 0.8 + 0.3 * 0, 0 + 0.3 * 8/8."""
    chunks = [vector("a", 0.6, 0.8), vector("b", 0.8, -0.6), vector("c", 0.0, 1.0)]

    hits = fuse(chunks, query(), {"a": 2.0, "c": 8.0}, weight=0.3)

    assert [found.chunk.id for found in hits] == ["b", "a", "c"]
    assert [found.score for found in hits] == pytest.approx([0.8, 0.675, 0.3])
    assert [found.cosine for found in hits] == pytest.approx([0.8, 0.6, 0.0])
    assert [found.lexical for found in hits] == [0.0, 0.25, 1.0]


def test_best_bm25_counts_although_its_chunk_is_gone() -> None:
    """A removal between two searches does not raise the words of the others."""
    (found,) = fuse([vector("a", 0.6, 0.8)], query(), {"a": 2.0, "gone": 8.0}, weight=0.3)

    assert found.score == pytest.approx(0.675)


def test_without_a_shared_word_the_cosine_decides() -> None:
    """And no division by the best of nothing."""
    hits = fuse([vector("a", 0.6, 0.8), vector("b", 0.8, 0.6)], query(), {}, weight=0.3)

    assert [found.chunk.id for found in hits] == ["b", "a"]
    assert [found.score for found in hits] == pytest.approx([0.8, 0.6])


def test_equal_scores_are_always_in_the_same_order() -> None:
    """Whichever index found them first."""
    chunks = [vector(id_, 1.0, 0.0) for id_ in "cab"]

    assert [found.chunk.id for found in fuse(chunks, query(), {}, weight=0.3)] == ["a", "b", "c"]


def test_nothing_fuses_to_nothing() -> None:
    """Not to an error."""
    assert fuse([], query(), {}, weight=0.3) == []


def vector(id_: str, *numbers: float) -> Chunk:
    """A chunk with this vector."""
    return Chunk(id_, Span(f"{id_}.md", 0, 1), "x", "", "", None, np.array(numbers, dtype=np.float32))


def query() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The question's vector."""
    return np.array([1.0, 0.0], dtype=np.float32)


# Reading closely


def reading(logit: float) -> Reading:
    """What a reader makes of one sentence."""
    return Reading(0, 1, logit, (0, 1), 0.0)


def test_each_chunk_gets_its_own_readings() -> None:
    """The reader is asked once for all, with what each chunk stands under."""
    asked = []

    def read(question: str, excerpts: Sequence[Excerpt]) -> list[tuple[Reading, ...]]:
        asked.append((question, list(excerpts)))
        return [(reading(float(number)),) for number, _ in enumerate(excerpts)]

    found = read_closely([sentence(0), sentence(1)], "Which?", read)

    assert asked == [("Which?", [Excerpt("A", SENTENCES[0]), Excerpt("A", SENTENCES[1])])]
    assert found == [(reading(0.0),), (reading(1.0),)]


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("The visit", "", "The visit"),
        ("The visit", "Monday > Talks", "The visit. Talks"),
        ("The visit", "The visit", "The visit"),
    ],
)
def test_chunk_stands_under_its_title_and_innermost_heading(title: str, heading: str, expected: str) -> None:
    """A heading that the title says already is not said twice."""
    chunk = Chunk("a", Span("a.md", 0, 1), "x", title, heading, None, np.zeros(2, dtype=np.float32))

    assert heading_of(chunk) == expected


# Passages


def test_neighbours_are_one_passage() -> None:
    """With the text between them, the better one's score, and the page that it begins on."""
    (passage,) = passages([sentence(2, score=0.9), sentence(1, score=0.8)], document, 5)

    assert passage.text == f"{SENTENCES[1]} {SENTENCES[2]}"
    assert (passage.span.start, passage.span.end) == (TEXT.index(SENTENCES[1]), TEXT.index(SENTENCES[3]) - 1)
    assert (passage.score, passage.page) == (0.9, 2)


def test_passage_is_as_good_as_its_best_chunk() -> None:
    """A neighbour that comes late does not move it down."""
    found = passages([sentence(0), other(1, "Something else entirely."), sentence(1)], document, 5)

    assert [passage.span.document_id for passage in found] == ["a.pdf", "1.md"]
    assert found[0].text == f"{SENTENCES[0]} {SENTENCES[1]}"


def test_passage_is_of_three_chunks_at_most() -> None:
    """The fourth begins the next."""
    found = passages([sentence(number) for number in range(4)], document, 5)

    assert [passage.text for passage in found] == [" ".join(SENTENCES[:3]), SENTENCES[3]]


def test_chunks_apart_stay_apart() -> None:
    """What stands between them was not found."""
    assert len(passages([sentence(0), sentence(2)], document, 5)) == 2


def test_neighbours_in_different_documents_stay_apart() -> None:
    """Positions mean nothing across documents."""
    found = passages([hit("a", Span("a.md", 0, 4), "Red."), hit("b", Span("b.md", 5, 9), "Blue")], document, 5)

    assert [passage.text for passage in found] == ["Red.", "Blue"]


def test_chunks_can_be_left_as_they_are() -> None:
    """For measuring each by itself."""
    found = passages([sentence(0), sentence(1)], document, 5, merge=False)

    assert [passage.text for passage in found] == SENTENCES[:2]


def test_near_duplicate_is_shown_once() -> None:
    """The better one; from 85 in 100 words in common, word forms and order aside, two are the same."""
    words = [f"word{number}" for number in range(20)]
    first = other(1, " ".join(words))
    same = other(2, " ".join(reversed([*words[:18], "more"])))
    different = other(3, " ".join([*words[:17], "much", "more"]))

    found = passages([first, same, different], document, 5)

    assert [passage.span.document_id for passage in found] == ["1.md", "3.md"]


@pytest.mark.parametrize(("word", "changed"), [("20", "25"), ("is", "is not")])
def test_two_versions_of_a_passage_are_two(word: str, changed: str) -> None:
    """One figure or denial among many words is what a reader must see of both."""
    words = " ".join(f"word{number}" for number in range(30))
    first, second = other(1, f"Leave {word} granted. {words}"), other(2, f"Leave {changed} granted. {words}")

    found = passages([first, second], document, 5)

    assert [passage.span.document_id for passage in found] == ["1.md", "2.md"]


@pytest.mark.parametrize("k", range(4))
def test_no_more_than_k_passages(k: int) -> None:
    """The ranking is read no further than that, also for neighbours."""
    hits = [sentence(0), other(1, "Something else entirely."), other(2, "Yet another thing."), sentence(1)]

    found = passages(hits, document, k)

    assert [passage.text.count("Sentence") for passage in found] == ([1, 0, 0] if k < 3 else [2, 0, 0])[:k]


@limits(deadline=None)
@given(
    size=st.integers(1, 12),
    order=st.randoms(use_true_random=False),
    k=st.integers(0, 6),
    text=st.lists(st.sampled_from([*SENTENCES, "# Heading", "No.", ""]), max_size=20).map("\n\n".join),
)
def test_passages_are_exact_and_do_not_overlap(size: int, order: random.Random, k: int, text: str) -> None:
    """However a document is cut and its chunks are ranked, what is shown stands where it says, once."""
    whole = SourceDocument("a.md", "A", None, text, ())
    spans = [(start, end) for start, end, _ in chunk_spans(text, size=size, token_starts=word_starts)]
    hits = [hit(str(start), Span("a.md", start, end), text[start:end]) for start, end in spans]
    order.shuffle(hits)

    found = passages(hits, lambda _: whole, k)

    places = sorted((passage.span.start, passage.span.end) for passage in found)
    assert len(found) <= k
    assert all(passage.text == text[passage.span.start : passage.span.end] for passage in found)
    assert all(end <= start for (_, end), (start, _) in pairwise(places))


# Over an index


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Some of the corpus."""
    place = tmp_path_factory.mktemp("retrieve")
    folder = place / "documents"
    folder.mkdir()
    for path in sorted(CORPUS.iterdir())[:12]:
        (folder / path.name).write_bytes(path.read_bytes())
    settings = Settings(home=place / "home")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    opened = Store.open(settings)
    yield opened
    opened.close()


@limits(max_examples=30, deadline=None)
@given(words=st.lists(st.sampled_from("Blinken Xi balloon fentanyl of the military China 2023 visit zebra".split())))
def test_retrieved_passages_are_slices_of_their_documents(store: Store, words: Sequence[str]) -> None:
    """Whatever is asked, what is found stands in its document where it says."""
    hits = retrieve(store, hash_encode, " ".join(words) or "?", Settings())

    found = passages(hits, store.catalog.document, 50)

    assert found
    for passage in found:
        source = store.catalog.document(passage.span.document_id)
        assert source is not None
        assert passage.text == source.text[passage.span.start : passage.span.end]
        assert passage.page == source.page_at(passage.span.start)


def test_both_indexes_give_candidates(store: Store) -> None:
    """With one from each, the nearest is there, and so is the one that has the rarest word."""
    question = "balloon"
    settings = Settings(candidates=1)
    vector = hash_encode([question])[0]

    hits = retrieve(store, hash_encode, question, settings)

    assert {found.chunk.id for found in hits} == {*store.nearest(vector, 1), store.matching({question: 1.0}, 1)[0][0]}
    assert max(found.lexical for found in hits) == 1.0


def test_retrieved_are_best_first(store: Store) -> None:
    """And scored as fusion says, with one weight for all, in which the settings' is a factor."""
    once, twice = (
        retrieve(store, hash_encode, "When was the balloon shot down?", Settings(lexical_weight=weight))
        for weight in (1.0, 2.0)
    )

    scores = [found.score for found in once]
    (weight, *others) = [(found.score - found.cosine) / found.lexical for found in once if found.lexical]
    assert scores == sorted(scores, reverse=True)
    assert others == pytest.approx([weight] * len(others))
    assert sorted(found.score for found in twice) == pytest.approx(
        sorted(found.cosine + 2 * weight * found.lexical for found in once)
    )


def test_words_count_for_more_where_they_single_out_a_chunk(store: Store) -> None:
    """A word that one chunk has tells more than one that many have."""

    def weight(question: str) -> float:
        found = max(retrieve(store, hash_encode, question, Settings()), key=lambda found: found.lexical)
        return found.score - found.cosine

    assert store.document_frequency(terms("Ryder")[0]) < 10 < store.document_frequency(terms("China")[0])
    assert weight("Ryder") > Settings().lexical_weight > weight("China")


def test_chunks_that_hold_the_quoted_words_come_first(store: Store) -> None:
    """Whatever else they lack; case and line ends do not matter."""
    text = store.chunks(store.nearest(hash_encode(["fentanyl"])[0], 1))[0].text
    words = " ".join(text.split()[4:8])

    hits = retrieve(store, hash_encode, f'balloon "{words.upper()}"', Settings())

    holding = [words.casefold() in " ".join(found.chunk.text.casefold().split()) for found in hits]
    assert holding[0]
    assert holding == sorted(holding, reverse=True)


def test_earlier_questions_draw_the_ranking(store: Store) -> None:
    """What they ask about ranks higher than without them, the most where the question leans on them."""
    asked, leaning, earlier = "Which ministers met in June?", "And what did they say in June?", ["fentanyl"]

    def share(question: str, before: Sequence[str]) -> float:
        hits = retrieve(store, hash_encode, question, Settings(lexical_weight=0.0), earlier=before)[:10]
        return float(np.mean([found.chunk.vector @ hash_encode(earlier)[0] for found in hits]))

    assert share(asked, earlier) > share(asked, [])
    assert share(leaning, earlier) - share(leaning, []) > share(asked, earlier) - share(asked, [])


def test_a_chunk_found_by_its_vector_has_its_words_counted(store: Store) -> None:
    """Also when others have more of them: what both indexes know of a chunk is known of every candidate."""
    question = "When was the balloon shot down by the military?"
    known = dict(store.matching({question: 1.0}, 4))

    hits = retrieve(store, hash_encode, question, Settings(candidates=1))

    assert all((found.lexical > 0) == (found.chunk.id in known) for found in hits)


def test_empty_index_gives_nothing(settings: Settings) -> None:
    """To any question."""
    folder = settings.home.parent / "documents"
    folder.mkdir()
    rag.ingest(folder, settings, embedder=HashEmbedding())
    store = Store.open(settings)

    assert retrieve(store, hash_encode, "When was the balloon shot down?", settings) == ()
    store.close()


def test_the_passage_whose_sentence_the_reader_likes_comes_first() -> None:
    """If it was close behind; one that was not read counts as disliked, and without any reading nothing changes."""
    found = [
        Passage(Span(name, 0, 40), "It is so.", name, score, None)
        for name, score in (("near.md", 1.0), ("liked.md", 0.9), ("far.md", 0.2), ("unread.md", 0.95))
    ]

    def liking(logits: dict[str, float]) -> dict[Span, Reading]:
        return {
            Span(name, start, start + 10): Reading(start, start + 10, logit, (start, start), 0.0)
            for name, logit in logits.items()
            for start in (0, 20)
        }

    ordered = as_read(found, liking({"near.md": -7.0, "liked.md": 3.0, "far.md": 6.0}))

    assert [passage.title for passage in ordered] == ["liked.md", "near.md", "unread.md", "far.md"]
    assert [passage.score for passage in ordered] == sorted((passage.score for passage in ordered), reverse=True)
    assert [passage.score for passage in as_read(found, {})] == [1.0, 0.95, 0.9, 0.2]
