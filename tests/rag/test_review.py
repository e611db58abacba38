"""Questions for a gold set are suggested, accepted, edited and rejected; the accepted ones are a question set."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

import rag
from eval import dataset
from rag import Answer, Citation, Claim, Feedback, RagError, Settings, Span, cli, feedback
from rag.index.catalog import Catalog
from rag.ingest import remove
from rag.review import KINDS, Candidate, Quote, Review, Wording, follow, propose
from rag.schema import SourceDocument
from tests.fakes import HashEmbedding

TALKS = "Wang Yi met Jake Sullivan in Vienna. The talks were closed. The talks were closed."
MEETING = "Where did Wang Yi meet Jake Sullivan?"
QUOTE = Quote("talks.md", "Wang Yi met Jake Sullivan in Vienna.")
WORDING = Wording("In which city were the talks?", reference="Vienna", quotes=(QUOTE,))
NOBODY = Wording("Who paid for the talks?", "unanswerable")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of one document."""
    made = Catalog.create(tmp_path / "catalog.db", fingerprint="f", model="m")
    put(made, "talks.md", TALKS)
    yield made
    made.close()


@pytest.fixture
def review(catalog: Catalog) -> Review:
    """The review over it, with nothing suggested yet."""
    return another(catalog)


def another(catalog: Catalog) -> Review:
    """A review as another server over the same home has it."""
    return Review(Settings(home=catalog.path.parent), lambda: catalog)


def put(catalog: Catalog, name: str, text: str) -> None:
    """Make the catalog hold a document."""
    root = catalog.root(catalog.path.parent, whole=True)
    catalog.put(SourceDocument(name, name, None, text, ()), [], root=root, sha256=text)


def suggested(review: Review) -> Candidate:
    """The only question that the document suggests."""
    search(review)
    (found,), _ = review.candidates()
    return found


def search(review: Review) -> None:
    """Look through the documents to the end."""
    review.suggest()
    review._search.join()  # type: ignore[union-attr]  # it has just begun


def questions(home: Path) -> list[dataset.Question]:
    """What the evaluation reads."""
    return list(dataset.read(home / "questions.jsonl"))


def test_suggestion_is_accepted_as_it_is(review: Review, tmp_path: Path) -> None:
    """It comes with answer and place, and once accepted the evaluation reads it."""
    candidate = suggested(review)

    review.accept(candidate.key)

    assert (candidate.wording.question, candidate.origin, candidate.stands) == (MEETING, "suggested", True)
    (question,) = questions(tmp_path)
    assert (question.question, question.reference, question.gold[0].span) == (MEETING, "Vienna", candidate.places[0])
    assert review.candidates()[1] == {"pending": 0, "accepted": 1, "rejected": 0}


def test_accepted_in_other_words(review: Review, tmp_path: Path) -> None:
    """Question, answer, kind, split, short forms and quote are a person's to change."""
    wording = replace(WORDING, kind="paraphrase", split="test", accept=(("Vienna",), ("capital", "Austria")))

    review.accept(suggested(review).key, wording)

    (question,) = questions(tmp_path)
    assert (question.question, question.kind, question.split) == (wording.question, "paraphrase", "test")
    assert question.accepted == wording.accept
    assert review.candidates("accepted")[0][0].wording == wording


@pytest.mark.parametrize("decide", ["accept", "reject"])
def test_decided_question_is_not_suggested_again(review: Review, catalog: Catalog, decide: str) -> None:
    """Neither by the next search nor by that of another server, though accepted in other words."""
    key = suggested(review).key
    if decide == "accept":
        review.accept(key, WORDING)
    else:
        review.reject(key)

    search(another(catalog))

    assert review.candidates()[1]["pending"] == 0


def test_decision_is_taken_back(review: Review, tmp_path: Path) -> None:
    """A question that was accepted is one to review again, and in no question set."""
    key = suggested(review).key
    review.accept(key)

    review.put_back(key)

    assert review.candidates()[0][0].key == key
    assert not (tmp_path / "questions.jsonl").exists()


@pytest.mark.parametrize(
    ("wording", "told"),
    [
        (replace(WORDING, question="?"), "Write the question"),
        (replace(WORDING, reference=" the "), "Write the answer, or tick"),
        (replace(WORDING, quotes=()), "Name the document"),
        (replace(WORDING, quotes=(Quote("talks.md", ""),)), "copy its words"),
        (replace(WORDING, quotes=(Quote("other.md", "words"),)), "no document 'other.md'"),
        (replace(WORDING, quotes=(Quote("talks.md", "They met."),)), "does not have the words “They met.”. Copy them"),
        (replace(WORDING, quotes=(Quote("talks.md", "The talks were closed."),)), "2 times. Quote more"),
        (replace(WORDING, kind="follow_up"), "needs the questions asked before"),
        (replace(WORDING, kind="odd"), "Choose a kind"),
        (replace(WORDING, accept=(("…",),)), "no words"),
    ],
)
def test_question_that_is_not_whole_is_refused(review: Review, tmp_path: Path, wording: Wording, told: str) -> None:
    """The message says what is missing, and nothing is written."""
    with pytest.raises(RagError, match=told.replace("?", r"\?")):
        review.add(wording)

    assert list(tmp_path.glob("*.jsonl")) == []


def test_quote_keeps_its_place_among_the_same_words(review: Review, catalog: Catalog) -> None:
    """What stands twice is no fault where it is told which one is meant."""
    start = TALKS.rindex("The talks")
    gold = {"document_id": "talks.md", "start": start, "end": len(TALKS), "quote": "The talks were closed."}
    line = {"id": "a", "kind": "single_fact", "split": "dev", "question": "How were they?", "reference": "closed"}
    propose(catalog.path.parent, catalog, [{**line, "gold": [gold]}])

    review.accept(review.candidates()[0][0].key)

    assert review.candidates("accepted")[0][0].places == (Span("talks.md", start, len(TALKS)),)


def test_quote_is_found_over_line_ends(review: Review, tmp_path: Path) -> None:
    """What is copied from the page has other spaces than the document; the set has the document's."""
    review.add(replace(WORDING, quotes=(Quote("talks.md", "Wang Yi\n  met Jake  Sullivan"),)))

    assert questions(tmp_path)[0].gold[0].quote == "Wang Yi met Jake Sullivan"


def test_question_that_nothing_answers(review: Review, tmp_path: Path) -> None:
    """It needs no more than the question; what else was written is left out."""
    review.add(replace(WORDING, question=NOBODY.question, kind="unanswerable"))

    (question,) = questions(tmp_path)
    assert (question.answerable, question.reference, question.gold) == (False, "", ())


def test_what_was_said_of_answers_is_reviewed_too(review: Review, tmp_path: Path) -> None:
    """An answer called right is whole; of another a person writes what is right, and both are gone once decided."""
    cited = Citation(1, Span("talks.md", 0, 36), QUOTE.words, None)
    answer = Answer("Where was it?", QUOTE.words, (Claim(QUOTE.words, (cited,), "supported"),), (), False, 0.9)
    feedback.keep(tmp_path, Feedback(answer, "right"))
    feedback.keep(tmp_path, Feedback(replace(answer, question="When was it?"), "wrong", "It does not say."))
    right, wrong = review.candidates()[0]

    review.accept(right.key)
    with pytest.raises(RagError, match="Write the answer"):
        review.accept(wrong.key)
    review.accept(wrong.key, replace(NOBODY, question=wrong.wording.question))

    assert [question.question for question in questions(tmp_path)] == ["Where was it?", "When was it?"]
    assert wrong.remark == f"Called wrong: It does not say.\n{QUOTE.words}"
    assert QUOTE.words not in review.candidates("accepted")[0][0].remark
    assert review.candidates()[1]["pending"] == 0


def test_servers_over_one_home_lose_nothing(catalog: Catalog, tmp_path: Path) -> None:
    """Decisions that come at the same time are all kept."""
    wordings = [replace(NOBODY, question=f"Who was number {number}?") for number in range(24)]
    threads = [Thread(target=another(catalog).add, args=(wording,)) for wording in wordings]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {question.question for question in questions(tmp_path)} == {wording.question for wording in wordings}


def test_changed_document_marks_what_no_longer_stands(review: Review, catalog: Catalog) -> None:
    """An accepted question stays and comes first; one whose words moved stands where they are now."""
    review.add(WORDING)
    review.add(replace(WORDING, question="What was closed?", quotes=(Quote("talks.md", "Jake Sullivan"),)))
    review.add(replace(NOBODY))

    put(catalog, "talks.md", "In May Jake Sullivan flew to Vienna.")

    gone, *others = review.candidates("accepted")[0]
    assert (gone.wording, gone.places) == (WORDING, (None,))
    assert [one.places for one in others] == [(), (Span("talks.md", 7, 20),)]


def test_search_ends_with_enough_and_goes_on(review: Review, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long folder is looked through a part at a time; the next search begins where the last one ended."""
    monkeypatch.setattr("rag.review._ENOUGH", 1)
    monkeypatch.setattr("rag.review._BATCH", 1)
    put(catalog, "visit.md", "Antony Blinken met Qin Gang in Beijing.")

    search(review)
    first = review.progress()
    search(review)

    assert (first, review.progress()) == ((False, 1, 1, 2), (False, 1, 1, 1))
    assert [found.wording.reference for found in review.candidates()[0]] == ["Vienna", "Beijing"]


def test_question_of_two_places_is_not_suggested(
    review: Review, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where they are looked at one after the other: it has two answers."""
    monkeypatch.setattr("rag.review._BATCH", 1)
    put(catalog, "visit.md", TALKS.replace("Vienna", "Malta"))

    search(review)

    assert review.candidates()[1]["pending"] == 0


def test_home_that_cannot_be_written_is_told(catalog: Catalog) -> None:
    """The person hears that nothing was kept."""
    lost = Review(Settings(home=catalog.path), lambda: catalog)  # a file

    with pytest.raises(RagError, match="Cannot write to"):
        lost.add(NOBODY)


def test_question_that_is_gone_is_told(review: Review) -> None:
    """Somebody else's page may show what is no longer there."""
    with pytest.raises(RagError, match="no longer here"):
        review.reject("0")


def test_proposed_line_names_what_is_indexed(catalog: Catalog) -> None:
    """A file made for other documents is refused whole."""
    gold = {"document_id": "other.md", "start": 0, "end": 1, "quote": "w"}
    line = {"id": "a", "kind": "single_fact", "split": "dev", "question": "Q?", "reference": "A", "gold": [gold]}

    with pytest.raises(RagError, match=r"a: there is no document 'other.md' in the index"):
        propose(catalog.path.parent, catalog, [line])


def test_file_is_reviewed_and_what_was_accepted_is_printed(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line: a set's questions come to be reviewed, once each, and those accepted come out as a set."""
    (tmp_path / "talks.md").write_text(TALKS)
    rag.ingest(tmp_path / "talks.md", settings, embedder=HashEmbedding())
    gold = {"document_id": "talks.md", "start": 0, "end": len(QUOTE.words), "quote": QUOTE.words}
    line = {"id": "a", "kind": "paraphrase", "split": "test", "question": "Q?", "reference": "B", "gold": [gold]}
    (tmp_path / "set.jsonl").write_text(json.dumps(line))
    home = f"--home={settings.home}"

    for _ in range(2):
        cli.app(["gold", "review", str(tmp_path / "set.jsonl"), home], standalone_mode=False)
    library = rag.Library(settings)
    library.review.accept(library.review.candidates()[0][0].key)
    library.close()
    cli.app(["gold", "export", home], standalone_mode=False)

    first, second, printed = capsys.readouterr().out.splitlines()
    assert (first, second) == ("1 to review.", "0 to review.")
    assert {**json.loads(printed), "id": "a"} == line


def test_kinds_are_those_of_the_evaluation() -> None:
    """What can be chosen is what a question set may hold."""
    assert dataset.KINDS == KINDS


@given(
    question=st.text(),
    reference=st.text(),
    form=st.text(),
    words=st.text(alphabet="a. \n\u2028é", max_size=5),
    kind=st.sampled_from(KINDS),
)
@limits(max_examples=60)
def test_whatever_is_accepted_is_a_question_set(
    tmp_path_factory: pytest.TempPathFactory, question: str, reference: str, form: str, words: str, kind: str
) -> None:
    """Whatever a browser sends is refused or can be read by the evaluation, half characters and line ends too."""
    home = tmp_path_factory.mktemp("home")
    document = SourceDocument("a.md", "A", None, "a. \u2028é.\n\na é", ())
    catalog = SimpleNamespace(document=lambda document_id: document, revision=1)
    review = Review(Settings(home=home), lambda: catalog)  # type: ignore[arg-type,return-value]  # one document

    try:
        review.add(Wording(question, kind, "dev", reference, ((form,),), (Quote("a.md", words),), ("Before?",)))
    except RagError:
        assert not (home / "questions.jsonl").exists()
    else:
        dataset.check(questions(home), lambda document_id: document)


def test_questions_go_with_the_documents_that_they_quote(tmp_path: Path, settings: Settings) -> None:
    """Of a removed document nothing stays, of a changed one what was accepted; of a moved one all, by its new name."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("kept", "changed", "moved", "removed"):
        (folder / f"{name}.txt").write_text(f"The {name} archive opens at ten.")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    library = rag.Library(settings)
    for name in ("kept", "changed", "moved", "removed"):
        quote = Quote(f"{name}.txt", f"The {name} archive opens at ten.")
        for number, decide in enumerate((None, library.review.put_back, library.review.reject)):
            key = library.review.add(Wording(f"{name} {number}?", reference="at ten", quotes=(quote,)))
            if decide:
                decide(key)

    (folder / "changed.txt").write_text("It is closed.")
    (folder / "moved.txt").rename(folder / "renamed.txt")
    rag.ingest(folder, settings, embedder=HashEmbedding())
    remove(["removed.txt"], settings)

    kept = {"kept.txt": 3, "changed.txt": 1, "renamed.txt": 3}
    assert cited(library.review) == kept
    assert [path.name for path in settings.home.glob("*.jsonl") if b"removed" in path.read_bytes()] == []
    library.close()


def cited(review: Review) -> dict[str, int]:
    """Document → how many questions quote it."""
    found = [one for state in ("pending", "accepted", "rejected") for one in review.candidates(state)[0]]
    names = [quote.document_id for one in found for quote in one.wording.quotes]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def test_what_a_kill_left_is_cleared_up(review: Review, catalog: Catalog, tmp_path: Path) -> None:
    """A question of a document that is gone goes with the next ingest, and with it an unfinished file."""
    review.add(WORDING)
    (tmp_path / "review.new").write_text(TALKS)
    catalog.remove(["talks.md"])

    follow(tmp_path, catalog)

    assert [path.name for path in tmp_path.iterdir() if "review" in path.name or "questions" in path.name] == [
        "review.lock"
    ]


def test_damaged_line_hides_no_other(review: Review, tmp_path: Path) -> None:
    """What cannot be read is passed over."""
    review.add(NOBODY)
    path = tmp_path / "review.jsonl"
    path.write_text('{"key": "a"\n' + json.dumps([1]) + "\n" + path.read_text())

    assert review.candidates("accepted")[1]["accepted"] == 1
