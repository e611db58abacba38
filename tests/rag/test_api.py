"""What a program gets from the JSON interface: values as `to_dict` gives them, and {"error": one line} otherwise."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

import rag
from rag import Chatbot, Settings, Turn
from rag.api import application
from rag.index.store import Store
from tests.fakes import HashEmbedding, ScriptedLLM, hash_encode, read_words

QUESTION = "When did China cut off military channels?"
FOLLOW_UP = "When did they resume?"
UNANSWERABLE = "How tall is the tallest giraffe in the Nairobi zoo?"
HALF = '"\\ud83d"'  # JSON's way to write half of an emoji
LONG = f'"{"x" * 2001}"'
MANY = f"[{', '.join(['1'] * 21)}]"
NAMES = ("Kosten & Erträge/März 2023 #1?.txt", "50%/a+b.txt", "北京.txt", "[red]\x1b[31m.txt")


@pytest.fixture(scope="module")
def client(bot: Chatbot) -> TestClient:
    """The interface over the sample."""
    return TestClient(application(bot))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index over documents with names that an address must not take apart."""
    place = tmp_path_factory.mktemp("odd")
    for name in NAMES:
        (place / "documents" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "documents" / name).write_text(f"This stands in {NAMES.index(name)}.", encoding="utf-8")
    settings = Settings(home=place / "home")
    rag.ingest(place / "documents", settings, embedder=HashEmbedding(model_name="hash"))
    store = Store.open(settings)
    yield store
    store.close()


def answer(client: TestClient, question: str, *earlier: str) -> dict[str, Any]:
    """What /api/ask says."""
    response = client.post("/api/ask", json={"question": question, "earlier": earlier})
    assert response.status_code == 200
    told: dict[str, Any] = response.json()
    return told


def test_health_counts_the_documents(client: TestClient) -> None:
    """It tells that the index opens, and how much is in it."""
    assert client.get("/api/health").json() == {"status": "ok", "documents": 7}


def test_boxes_are_where_the_words_of_a_pdf_stand(client: TestClient, bot: Chatbot) -> None:
    """On the page that the citation names; none for a document of another format, or that is not there."""
    name = "fentanyl-precursors.pdf"
    document = bot.document(name)
    start = document.text.index("fentanyl")

    found = client.get(f"/api/boxes/{name}", params={"start": start, "end": start + 8}).json()

    assert [box["page"] for box in found] == [document.page_at(start)]
    assert 0 < found[0]["left"] < found[0]["right"] < found[0]["width"]
    assert 0 < found[0]["bottom"] < found[0]["top"] < found[0]["height"]
    for other in ("visits-2023.csv", "nowhere.pdf"):
        assert client.get(f"/api/boxes/{other}", params={"start": 0, "end": 8}).json() == []


def test_a_search_may_be_within_some_documents(client: TestClient) -> None:
    """By type, name and day."""
    told = client.post("/api/search", json={"question": "listening post", "types": ["pdf"], "k": 3}).json()

    assert {passage["document_id"] for passage in told} == {"fentanyl-precursors.pdf"}

    wrong = client.post("/api/search", json={"question": "listening post", "after": "June"})
    assert (wrong.status_code, "such as 2023" in wrong.json()["error"]) == (422, True)


@pytest.mark.parametrize("question", [QUESTION, UNANSWERABLE])
def test_ask_is_the_answer(client: TestClient, bot: Chatbot, question: str) -> None:
    """Answered or not, it says what the chatbot says."""
    assert answer(client, question) == bot.ask(question).to_dict()


def test_earlier_questions_are_the_conversation(client: TestClient, bot: Chatbot) -> None:
    """A follow-up is answered in the light of the questions before it, and otherwise is not."""
    history = [Turn(QUESTION, bot.ask(QUESTION))]

    told = answer(client, FOLLOW_UP, QUESTION)

    assert told == bot.ask(FOLLOW_UP, history).to_dict()
    assert told["asked"] == f"{FOLLOW_UP} ({QUESTION})"
    assert told["passages"] != answer(client, FOLLOW_UP)["passages"]


def test_a_quote_stands_at_its_place_in_the_document(client: TestClient) -> None:
    """A program can show each quote where it stands: start and end count in the text that is served."""
    citations = [citation for claim in answer(client, QUESTION)["claims"] for citation in claim["citations"]]

    texts = {item["document_id"]: client.get(f"/api/documents/{item['document_id']}").json() for item in citations}
    assert citations
    for item in citations:
        assert texts[item["document_id"]]["text"][item["start"] : item["end"]] == item["quote"]


def test_search_is_the_passages(client: TestClient, bot: Chatbot) -> None:
    """As many as were asked for, best first, ten when nothing is said."""
    three = client.post("/api/search", json={"question": "listening post", "k": 3}).json()
    ten = client.post("/api/search", json={"question": "listening post"}).json()

    assert three == [passage.to_dict() for passage in bot.retrieve("listening post", 3)]
    assert len(ten) == 10


def test_a_search_goes_by_the_conversation_too(client: TestClient, bot: Chatbot) -> None:
    """Earlier questions draw it as they draw an answer's passages, without being answered."""
    history = [Turn(QUESTION, bot.ask(QUESTION))]

    told = client.post("/api/search", json={"question": FOLLOW_UP, "earlier": [QUESTION]}).json()

    assert told == [passage.to_dict() for passage in bot.retrieve(FOLLOW_UP, history=history)]
    assert told != [passage.to_dict() for passage in bot.retrieve(FOLLOW_UP)]


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_found_by_any_id(odd: Store, name: str) -> None:
    """Folders, spaces, and what has a meaning in an address may stand in an id."""
    client = TestClient(application(Chatbot(odd, Settings(), encode=hash_encode, read=read_words)))

    told = client.get(f"/api/documents/{quote(name)}").json()

    assert (told["document_id"], told["text"]) == (name, f"This stands in {NAMES.index(name)}.")


@pytest.mark.parametrize("document_id", ["nope.txt", "../catalog.db", "", "a\nb", "x" * 5000])
def test_an_unknown_document_is_not_found(client: TestClient, document_id: str) -> None:
    """Whatever is asked for, no file but an indexed document is served."""
    assert client.get(f"/api/documents/{quote(document_id, safe='')}").status_code == 404


def test_an_unknown_document_is_named(client: TestClient) -> None:
    """The message says which, and where to look."""
    told = client.get("/api/documents/nope.txt").json()

    assert told == {"error": "No document 'nope.txt' in the index. `rag status` lists what there is."}


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        ("ask", "{}", "question"),
        ("ask", '{"question": ""}', "question"),
        ("ask", f'{{"question": {LONG}}}', "question"),
        ("ask", '{"question": 7}', "question"),
        ("ask", '{"question": NaN}', "question"),
        ("ask", f'{{"question": {HALF}}}', "question"),
        ("ask", '{"question": "Who?", "earlier": "Why?"}', "earlier"),
        ("ask", f'{{"question": "Who?", "earlier": [{HALF}]}}', "earlier.0"),
        ("ask", f'{{"question": "Who?", "earlier": [{LONG}]}}', "earlier.0"),
        ("ask", f'{{"question": "Who?", "earlier": {MANY}}}', "earlier"),
        ("search", "{}", "question"),
        ("search", '{"question": "x", "k": 0}', "k"),
        ("search", '{"question": "x", "earlier": [""]}', "earlier.0"),
        ("search", '{"question": "x", "k": 101}', "k"),
        ("search", "[]", "body"),
    ],
)
def test_a_request_that_is_not_understood_is_told(client: TestClient, path: str, body: str, at: str) -> None:
    """The field is named, on one line, and what was sent is not repeated."""
    response = client.post(f"/api/{path}", content=body, headers={"content-type": "application/json"})

    (key, told), *others = response.json().items()
    assert (response.status_code, key, others) == (422, "error", [])
    assert told.startswith(f"{at}: ")
    assert len(told) < 200


def test_broken_json_is_told(client: TestClient) -> None:
    """A body that is no JSON is the caller's mistake."""
    response = client.post("/api/ask", content='{"question": ', headers={"content-type": "application/json"})

    assert response.status_code == 422
    assert "JSON" in response.json()["error"]


def test_a_failing_language_model_is_told(bot: Chatbot, sample_settings: Settings) -> None:
    """The answer is in the documents' own words, with one line that says why; the next question may do better."""
    said = bot.ask(QUESTION).claims[0].text
    silent_then_fine = ScriptedLLM(script=["", said])
    talker = Chatbot(bot._store, sample_settings, encode=bot._encode, read=bot._read, llm=silent_then_fine)
    client = TestClient(application(talker))

    quoted, written = answer(client, QUESTION), answer(client, QUESTION)

    assert quoted["claims"] == bot.ask(QUESTION).to_dict()["claims"]
    assert quoted["remark"].startswith("The language model wrote nothing.")
    assert (written["text"], written["remark"]) == (said, "")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_is_served_that_loads_from_elsewhere(client: TestClient, path: str) -> None:
    """FastAPI's own pages take their scripts from a server of others, so there are none."""
    assert client.get(path).status_code == 404
