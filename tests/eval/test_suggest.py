"""Questions that sentences suggest are English, have their answer, and stand where they say."""

import io
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from rich.console import Console

import eval
import rag
from eval import dataset
from eval.suggest import suggest
from rag.suggest import Suggestion, written
from tests.fakes import LightEmbedding
from tests.model_servers import DIALECTS, Respond, Server, one_by_one, serving, stream

SENTENCE = "On 10 February the Commerce Department put six organisations on its Entity List."


def document(text: str, name: str = "a.md") -> rag.SourceDocument:
    """A document with this text."""
    return rag.SourceDocument(name, "A", None, text, ())


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "On 10 February the Commerce Department added six organisations to its Entity List.",
            "When did the Commerce Department add six organisations to its Entity List?",
            "10 February",
        ),
        (
            "The Pentagon made the matter public on 2 February.",
            "When did the Pentagon make the matter public?",
            "2 February",
        ),
        ("Harvard was founded in 1636 by vote of a court.", "When was Harvard founded by vote of a court?", "1636"),
        (
            "In June 2021 China suspended climate talks, which it had begun.",
            "When did China suspend climate talks?",
            "June 2021",
        ),
        (
            "The Commission fined two companies for selling chips.",
            None,  # "fined" is not among the verbs whose plain form is known
            None,
        ),
        (
            "The Commission ordered two companies to sell their chips.",
            None,  # their
            None,
        ),
        (
            "The Commission ordered two companies to sell chips.",
            "How many companies did the Commission order to sell chips?",
            "two",
        ),
        ("Twelve passengers were taken off the ship.", "How many passengers were taken off the ship?", "twelve"),
        ("Jake Sullivan met Wang Yi in Vienna.", "Where did Jake Sullivan meet Wang Yi?", "Vienna"),
        ("Blinken was met at the airport by Yang Tao.", "By whom was Blinken met at the airport?", "Yang Tao"),
        ("Nicholas Burns (born 1956) met officials of the party.", "Who met officials of the party?", "Nicholas Burns"),
        ("The Commerce Department met officials of the party.", None, None),  # nobody's name
        ("He met officials of the party on 2 February.", None, None),  # who?
        ("Wang Yi met officials and asked for a list.", None, None),  # two things
        ("Qin Gang said that the talks were over.", None, None),  # what was said may not be so
    ],
)
def test_a_plain_sentence_is_turned_round(sentence: str, question: str | None, answer: str | None) -> None:
    """Who, when, where, how many; a sentence that leans on another, or says several things, makes none."""
    text = f"It rained. {sentence} It stopped."

    made = suggest([document(text)])

    assert [(entry["question"], entry["reference"]) for entry in made] == ([(question, answer)] if question else [])
    assert [entry["gold"][0]["quote"] for entry in made] == ([sentence] if question else [])


def test_a_glossary_is_asked_for_its_terms() -> None:
    """A term alone at the start of a paragraph, and the sentence after it; run-in headings of prose are none."""
    terms = (
        "AIT. American Institute in Taiwan. It is old.\n\nPLA. The armed forces of China.\n\nRisk. More than is known."
    )
    prose = "Trade. It grew by a third in all.\n\n" + "It rained.\n\n" * 3

    made = suggest([document(f"Terms\n\n{terms}"), document(f"Report\n\n{prose}", "b.md")])

    assert [(entry["question"], entry["reference"]) for entry in made][:1] == [
        ("What is meant by “AIT”?", "American Institute in Taiwan")
    ]
    assert len(made) == 3


def test_what_is_suggested_is_a_question_set(tmp_path: Path) -> None:
    """Every entry is read as a question, whose gold holds its quote."""
    text = "The Pentagon made the matter public on 2 February. Harvard was founded by a vote in 1636."

    file = tmp_path / "suggested.jsonl"
    dataset.write(suggest([document(text)]), file)
    questions = dataset.read(file)

    dataset.check(questions, lambda name: document(text))
    assert [question.kind for question in questions] == ["number_date", "number_date"]


def test_a_question_with_two_answers_is_none() -> None:
    """Two documents that say when the Pentagon made something public say two things."""
    one, other = "The Pentagon made the matter public on 2 February.", "The Pentagon made the matter public on 3 March."

    assert suggest([document(one), document(other, "b.md")]) == []


def of(reply: str, sentence: str = SENTENCE) -> tuple[str, str] | str:
    """What becomes of a model's reply about the sentence: question and answer, or why it is dropped."""
    (found,) = written([document(f"It rained. {sentence} It stopped.")], lambda system, user: iter([reply]), seed=1)
    return (found.question, found.answer) if isinstance(found, Suggestion) else found


@pytest.mark.parametrize(
    ("reply", "made"),
    [
        ("Question: Whom did Commerce sanction first?\nAnswer: Six organisations", "six organisations"),
        ('**Question:** Whom did Commerce sanction first?\n**Answer:** "six organisations".', "six organisations"),
        (
            "<think>Question: What?</think>\nQuestion: When did Commerce act against firms?\nAnswer: 10 February",
            "10 February",
        ),
        ("Six organisations.", "not a question and an answer"),
        ("Question: Whom did Commerce sanction first?\nAnswer: six firms", "the answer is not in the sentence"),
        ("Question: Whom did Commerce sanction first?\nAnswer: organ", "the answer is not in the sentence"),
        ("Question: Commerce sanctioned them in the end.\nAnswer: 10 February", "not one question of usual length"),
        ("Question: When?\nAnswer: 10 February", "not one question of usual length"),
        (f"Question: What did Commerce do then?\nAnswer: {SENTENCE}", "the answer is the sentence"),
        ("Question: Whom were six organisations sanctioned by?\nAnswer: six", "the answer is in the question"),
        ("Question: When did it sanction them all?\nAnswer: 10 February", "it cannot be asked alone"),
        ("Question: What is the date of the sentence about Commerce?\nAnswer: 10 February", "it cannot be asked alone"),
        (
            "Question: When did Yellen sanction somebody first?\nAnswer: 10 February",
            "it names what the passage does not",
        ),
        (
            "Question: When were organisations put on the Entity List by the department?\nAnswer: 10 February",
            "it is the sentence's words",
        ),
    ],
)
def test_what_a_model_writes_is_kept_only_if_it_asks_the_sentence(reply: str, made: str) -> None:
    """Question and answer of the sentence, asked alone and in other words; else the reason why it is dropped."""
    found = of(reply)

    assert (found if isinstance(found, str) else found[1]) == made


def test_a_model_is_asked_about_one_document_after_another() -> None:
    """Each sentence once, with its place, and no more of the reply is read than is needed.

    Rows of tables, what points back or is too short, and sentences without a name are left out.
    """
    texts = (
        f"{SENTENCE} It met them again in Vienna with all of the others there. Two words.",
        "Wang Yi received the Japanese minister in Tokyo on a rainy Monday."
        " Place: Vienna; Day: 10 February; Guests: all of them.",
        "Nobody of any importance was ever seen in the whole house again.",
    )
    asked: list[str] = []

    def write(system: str, user: str) -> Iterator[str]:
        asked.append(user)
        yield "Question: Which guest came to Tokyo?\nAnswer: "
        yield "Question: Which guest came to Tokyo?\nAnswer: the Japanese minister\n"
        raise AssertionError("more was read than was needed")

    found = list(written([document(text, name) for name, text in zip("abc", texts, strict=True)], write, seed=1))

    assert len(asked) == 2
    assert found[0] == "the answer is not in the sentence"
    assert found[1] == Suggestion(
        "Which guest came to Tokyo?", "the Japanese minister", rag.Span("b", 0, 66), "single_fact"
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An index of four documents of a sentence each."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for number, name in enumerate(("Wang Yi", "Qin Gang", "Janet Yellen", "John Kerry")):
        text = f"{name} received a delegation of {number + 3} senators in the old town hall."
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    rag.ingest(folder, rag.Settings(home=tmp_path / "home"), embedder=LightEmbedding())
    return tmp_path / "home"


def asking(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names the server as the language model."""
    named = {"RAG_LLM": "openai-like", "RAG_LLM_URL": f"http://127.0.0.1:{server.port}/v1", "RAG_LLM_MODEL": "m"}
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def reply(text: str) -> Respond:
    """What a server does to say this."""
    return stream(DIALECTS[0].begin, DIALECTS[0].piece(text), DIALECTS[0].end)


def test_with_a_language_model_its_questions_are_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are wanted, in the form of a question set; what was dropped is told with the reason."""
    good = [f"Question: What sort of guests came {when}?\nAnswer: senators" for when in ("first", "second", "last")]
    console, out = Console(file=io.StringIO(), width=200), tmp_path / "suggested.jsonl"

    with serving(one_by_one(*map(reply, ("Question: Who", *good)))) as server:
        asking(server, monkeypatch)
        count = eval.suggest_questions(out, home=home, most=2, console=console)

    assert (count, [question.reference for question in dataset.read(out)]) == (2, ["senators"] * 2)
    assert isinstance(console.file, io.StringIO)
    assert "m: asked about 3 sentences, dropped 1 (not a question and an answer: 1)" in console.file.getvalue()


def test_what_a_model_has_written_is_kept_when_it_is_stopped(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-C while it writes the second question: the first is in the file."""
    out = tmp_path / "suggested.jsonl"
    main_thread = threading.get_ident()

    def interrupt(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(4):  # on a busy machine one was lost
            signal.pthread_kill(main_thread, signal.SIGINT)
            if server.closing.wait(8):
                break

    with serving(one_by_one(reply("Question: What sort of guests came?\nAnswer: senators"), interrupt)) as server:
        asking(server, monkeypatch)
        before = signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # a server of another test may have set its own
        try:
            with pytest.raises(KeyboardInterrupt):
                eval.suggest_questions(out, home=home, console=Console(file=io.StringIO()))
        finally:
            signal.signal(signal.SIGINT, before)

    assert [question.question for question in dataset.read(out)] == ["What sort of guests came?"]
