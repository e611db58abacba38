"""The whole line: files of every format become an answer whose every quote is found where it says it stands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import rag
from rag import Answer, Chatbot, Settings, Turn
from tests.conftest import CORPUS
from tests.fakes import LightEmbedding

# A file of each format, with a question that it answers
QUESTIONS = {
    "cuba-first-report.txt": "How far is Cuba from Florida?",
    "cuba-listening-post.md": "When was the Chinese facility in Cuba upgraded?",
    "shangri-la-refusal.html": "Why did China refuse a meeting between Li Shangfu and Austin?",
    "fentanyl-precursors.pdf": "How many Americans died of an overdose of synthetic opioids in 2021?",
    "military-channels.docx": "When did China cut off military channels?",
    "visits-2023.csv": "When did Yellen visit Beijing?",
}
EXAMPLES = {  # by what a right answer holds
    "Why did Blinken call off his trip in February 2023?": "balloon",
    "How long did Xi receive Blinken?": "35 minutes",
    "How many pounds of fentanyl were seized in fiscal year 2023?": "27,000",
    "Which Americans are wrongfully detained in China?": "Kai Li, Mark Swidan and David Lin",
    "When did the Commerce Department put the balloon makers on the Entity List?": "10 February",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chatbot]:
    """A chatbot over all of the corpus."""
    settings = Settings(home=tmp_path_factory.mktemp("whole") / "home")
    rag.ingest(CORPUS, settings, embedder=LightEmbedding())
    chatbot = Chatbot.open(settings)
    yield chatbot
    chatbot.close()


def misplaced(bot: Chatbot, answer: Answer) -> list[str]:
    """The answer's quotes and passages that do not stand at their span."""
    said = [(citation.span, citation.quote) for claim in answer.claims for citation in claim.citations]
    found = [(passage.span, passage.text) for passage in answer.passages]
    return [text for span, text in said + found if bot.document(span.document_id).text[span.start : span.end] != text]


def test_every_format_of_the_corpus_is_asked_about() -> None:
    """So that what follows holds for all of them."""
    assert {Path(name).suffix for name in QUESTIONS} == {path.suffix for path in CORPUS.iterdir()}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_file_becomes_an_answer_with_exact_quotes(bot: Chatbot, name: str) -> None:
    """The question is answered from the file, and each quote is found at its span in the document."""
    answer = bot.ask(QUESTIONS[name])

    assert name in {citation.span.document_id for citation in answer.citations}
    assert misplaced(bot, answer) == []


def test_a_citation_of_a_file_with_pages_names_the_page(bot: Chatbot) -> None:
    """The page that the quote begins on, as the document counts."""
    answer = bot.ask(QUESTIONS["fentanyl-precursors.pdf"])

    cited = [citation for citation in answer.citations if citation.span.document_id == "fentanyl-precursors.pdf"]
    document = bot.document("fentanyl-precursors.pdf")
    assert [citation.page for citation in cited] == [document.page_at(citation.span.start) for citation in cited]
    assert all(citation.page for citation in cited)


def test_a_conversation_goes_on_from_the_answer_before(bot: Chatbot) -> None:
    """With the history, "they" are the channels; the final answer of a stream is the one that `ask` gives."""
    first = bot.ask(QUESTIONS["military-channels.docx"])
    history = [Turn(first.question, first)]

    *_, last = bot.stream("When did they resume?", history)

    assert {citation.span.document_id for citation in last.citations} == {"military-channels.docx"}
    assert misplaced(bot, last) == []
    assert last == bot.ask("When did they resume?", history)


@pytest.mark.slow
@pytest.mark.parametrize("question", EXAMPLES)
def test_an_example_question_is_answered_with_exact_quotes(whole: Chatbot, question: str) -> None:
    """What the page offers to be asked is answered rightly from the corpus, supported, and quoted to the letter."""
    answer = whole.ask(question)

    assert not answer.abstained
    assert EXAMPLES[question] in answer.text
    assert {claim.verdict for claim in answer.claims} == {"supported"}
    assert all(claim.citations for claim in answer.claims)
    assert misplaced(whole, answer) == []


def test_those_are_the_examples() -> None:
    """All that the page offers over the sample."""
    assert (CORPUS.parent / "questions.txt").read_text(encoding="utf-8").splitlines() == list(EXAMPLES)


@pytest.mark.slow
def test_every_file_of_the_corpus_is_a_document(whole: Chatbot) -> None:
    """None is skipped."""
    assert whole.documents() == tuple(sorted(path.name for path in CORPUS.iterdir()))
