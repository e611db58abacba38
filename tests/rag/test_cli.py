"""What a person or a script gets from each command: words or JSON on stdout, one line of stderr, an exit code."""

import io
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from typer.core import TyperGroup
from typer.main import get_group

import rag
from rag import Chatbot, Settings, cli
from rag.chat import NOT_SAID
from rag.errors import StoreMissingError
from rag.ingest import rebuild
from tests.fakes import LightEmbedding

QUESTION = "When did China cut off military channels?"
FOLLOW_UP = "And why?"
UNANSWERABLE = "How tall is the tallest giraffe in the Nairobi zoo?"

# A file's name may hold anything but "/" and NUL: an escape that sets the window's title, one that colours, a line end,
# a character that turns the text around, and what rich reads as markup
HOSTILE = "[bold red]a\x1b]0;owned\x07\x1b[31m\x9b32m\n\u202eb"
SHOWN = "[bold red]a\\x1b]0;owned\\x07\\x1b[31m\\x9b32m\\n\\u202eb"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Stdout without the line ends that fit it to the terminal."""
        return " ".join(self.out.split())


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `rag` with arguments in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["rag", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        told = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Outcome(end.value.code, told.out, told.err)

    return run


@pytest.fixture
def copied(sample_settings: Settings, tmp_path: Path) -> Settings:
    """Settings of a copy of the sample's index, to be changed."""
    shutil.copytree(sample_settings.home, tmp_path / "copy")
    return Settings(home=tmp_path / "copy")


@pytest.fixture
def hostile(tmp_path: Path) -> Settings:
    """Settings of an index over one document whose name and words try to be more than words."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    text = "The [bold]archive[/bold] opened its [link=file:///etc/passwd]doors[/] in 1921. [/nothing] More follows.\n"
    (folder / f"{HOSTILE}.txt").write_text(text, encoding="utf-8")
    settings = Settings(home=tmp_path / "hostile-home")
    rag.ingest(folder, settings, embedder=LightEmbedding())
    return settings


def is_here(host: str) -> bool:
    """True if this machine has the address."""
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        return False
    return True


@contextmanager
def deaf_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings name a language model whose port refuses whoever calls: it is bound, and nobody listens."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("RAG_LLM", "openai-like")
        monkeypatch.setenv("RAG_LLM_MODEL", "none")
        monkeypatch.setenv("RAG_LLM_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}/v1")
        yield


@contextmanager
def serving(*arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """`rag serve` as a process of its own, ended at the latest with the block."""
    command = [sys.executable, "-m", "rag", "serve", *map(str, arguments)]
    # A shell that starts the tests in the background has Ctrl-C ignored, and what is ignored is inherited
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# ask


def test_ask_shows_each_quote_with_its_place(run: Run, sample_settings: Settings, bot: Chatbot) -> None:
    """The answer's sentences carry markers, and each marker has its document and the exact words."""
    citations = bot.ask(QUESTION).citations

    told = run("ask", QUESTION, "--home", sample_settings.home)

    assert (told.code, told.err) == (0, "")
    for citation in citations:
        quote = " ".join(citation.quote.split())
        assert f"[{citation.marker}] {citation.span.document_id}: “{quote}”" in told.words


def test_ask_says_when_the_documents_do_not(run: Run, sample_settings: Settings) -> None:
    """No answer is an ordinary one: exit code 0, names that no document has, and the nearest passages to look at."""
    told = run("ask", UNANSWERABLE, "--home", sample_settings.home)

    assert (told.code, told.err) == (0, "Nowhere in the documents: “Nairobi”.\n")
    assert told.words.startswith("The documents do not say. Nearest passages: ")


def test_ask_quotes_what_comes_nearest(
    run: Run, sample_settings: Settings, bot: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no answer is sure enough, the best sentence with its place."""
    monkeypatch.setenv("RAG_ANSWER_THRESHOLD", "1")
    (quote,) = bot.adjusted(passages=6, sentences=3, threshold=1).ask(QUESTION).nearest

    told = run("ask", QUESTION, "--home", sample_settings.home)

    words = " ".join(quote.quote.split())
    assert told.words.startswith(
        f"The documents do not say. The nearest they do say: “{words}” ({quote.span.document_id}"
    )


def test_ask_json_is_the_answer(run: Run, sample_settings: Settings, bot: Chatbot) -> None:
    """It has the documented keys, in their order, and says what the answer says."""
    told = json.loads(run("ask", QUESTION, "--home", sample_settings.home, "--json").out)

    (claim, *_), (passage, *_) = told["claims"], told["passages"]
    assert told == bot.ask(QUESTION).to_dict()
    assert list(told) == [
        *("question", "asked", "text", "abstained", "confidence", "withheld", "remark"),
        *("tokens_read", "tokens_written", "tokens_are", "claims", "nearest", "passages"),
    ]
    assert list(claim) == ["text", "verdict", "marked", "citations"]
    assert set(claim["citations"][0]) == {"marker", "document_id", "start", "end", "quote", "page"}
    assert set(passage) == {"document_id", "start", "end", "text", "title", "score", "page", "date", "author", "source"}


def test_ask_json_abstains_without_claims(run: Run, sample_settings: Settings) -> None:
    """A script tells "not said" by one key, and still sees the nearest passages."""
    told = json.loads(run("ask", UNANSWERABLE, "--home", sample_settings.home, "--json").out)

    assert (told["abstained"], told["claims"]) == (True, [])
    assert told["passages"]


def test_ask_says_why_it_quotes(
    run: Run, sample_settings: Settings, bot: Chatbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A language model that cannot be reached is one line of stderr beside the documents' own words."""
    with deaf_model(monkeypatch):
        told = run("ask", QUESTION, "--home", sample_settings.home)
        as_json = run("ask", QUESTION, "--home", sample_settings.home, "--json")

    (line,) = told.err.splitlines()
    assert (told.code, line) == (0, json.loads(as_json.out)["remark"])
    assert line.startswith("The language model's server cannot be reached")
    assert line.endswith("These are the documents' own words instead.")
    assert " ".join(bot.ask(QUESTION).claims[0].text.split()) in told.words
    assert as_json.err == told.err


def test_ask_trace_shows_the_steps(run: Run, sample_settings: Settings, bot: Chatbot) -> None:
    """After the answer: what was looked up, each passage and sentence with its score, probability and checks."""
    trace = bot.trace(QUESTION)

    told = run("ask", QUESTION, "--trace", "--home", sample_settings.home)

    assert (told.code, told.err) == (0, "")
    assert told.words.startswith(run("ask", QUESTION, "--home", sample_settings.home).words)
    assert f"Looked up {QUESTION}" in told.words
    for passage in trace.evidence.passages:
        assert f"{passage.score:.2f} {passage.title} ({passage.span.document_id}" in told.words
    for sentence in trace.evidence.sentences:
        assert f"{sentence.score:+.2f} {' '.join(sentence.text.split())}" in told.words
    assert f"{trace.evidence.confidence:.2f}, declined below 0." in told.words
    assert f"supported ({trace.claims[0].check}): {' '.join(trace.claims[0].text.split())}" in told.words


def test_ask_trace_shows_what_the_model_was_sent_and_said(
    run: Run, sample_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompt, reply and failure; with --json under the key trace, beside the answer's own keys."""
    with deaf_model(monkeypatch):
        told = run("ask", QUESTION, "--trace", "--home", sample_settings.home)
        as_json = json.loads(run("ask", QUESTION, "--trace", "--json", "--home", sample_settings.home).out)

    (exchange,) = as_json["trace"]["exchanges"]
    assert f"Sent to the language model {' '.join(exchange['system'].split())}" in told.words
    assert f"Question: {QUESTION}" in exchange["user"]
    assert exchange["failure"].startswith("The language model's server cannot be reached")
    assert f"It said {exchange['failure']} tokens: 0 read, 0 written, estimated" in told.words
    assert {"asked", "confidence", "threshold", "passages", "sentences", "claims"} <= set(as_json["trace"])
    assert as_json["text"]


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize("words", ["", " ", "caf\udce9?", "x" * 100_000])
def test_any_words_may_be_asked(run: Run, sample_settings: Settings, command: str, words: str) -> None:
    """Nothing, bytes that are no text and a book are questions like others; JSON of them is JSON."""
    told = run(command, words, "--home", sample_settings.home, "--json")

    assert (told.code, told.err) == (0, "")
    assert isinstance(json.loads(told.out.encode()), dict | list)


# chat


def test_chat_understands_a_follow_up(run: Run, sample_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second question is answered in the light of the first; the end of the input ends the conversation."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{QUESTION}\n{FOLLOW_UP}\n"))
    monkeypatch.setenv("RAG_ANSWER_THRESHOLD", "0")  # what is tested is which documents are looked into

    told = run("chat", "--home", sample_settings.home)

    assert (told.code, told.err) == (0, "")
    assert told.words.count("[1] military-channels.docx: ") == 2
    assert told.words.count("Understood as:") == 1
    assert f"Understood as: {FOLLOW_UP} ({QUESTION})" in told.words


def test_chat_ends_with_an_empty_line(run: Run, sample_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows an empty line is not asked."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\n{QUESTION}\n"))

    told = run("chat", "--home", sample_settings.home)

    assert (told.code, told.words) == (0, ">")


def test_chat_goes_on_after_an_error(run: Run, sample_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A language model that cannot be reached is one line for each question, not the end."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{QUESTION}\n{QUESTION}\n"))
    with deaf_model(monkeypatch):
        told = run("chat", "--home", sample_settings.home)

    assert told.code == 0
    assert [line.partition(".")[0] for line in told.err.splitlines()] == [
        "The language model's server cannot be reached"
    ] * 2


# search


def test_search_shows_passages_best_first(run: Run, sample_settings: Settings, bot: Chatbot) -> None:
    """Each is numbered and shown with title, document and text."""
    best, second = bot.retrieve("listening post", 2)

    told = run("search", "listening post", "-k", 2, "--home", sample_settings.home)

    assert told.code == 0
    shown = [
        "1.",
        best.title,
        ", ".join(filter(None, (best.span.document_id, best.date, best.author))),
        best.text,
        "2.",
        second.title,
        ", ".join(filter(None, (second.span.document_id, second.date, second.author))),
        second.text,
    ]
    assert told.words == " ".join(" ".join(shown).split())


def test_search_json_is_the_passages(run: Run, sample_settings: Settings, bot: Chatbot) -> None:
    """A list, best first, as long as was asked for."""
    told = run("search", "listening post", "-k", 3, "--home", sample_settings.home, "--json")

    assert json.loads(told.out) == [passage.to_dict() for passage in bot.retrieve("listening post", 3)]


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        (["--type", "pdf"], {".pdf"}),
        (["--type", "pdf", "--type", "csv"], {".pdf", ".csv"}),
        (["--path", "cuba-*"], {".txt", ".md"}),
        (["--path", "nowhere"], set()),
    ],
)
def test_search_looks_only_where_it_is_told(
    run: Run, sample_settings: Settings, options: list[str], allowed: set[str]
) -> None:
    """In documents of the names and types given, and in no others."""
    told = run("search", "listening post", *options, "--home", sample_settings.home, "--json")

    assert {Path(passage["document_id"]).suffix for passage in json.loads(told.out)} == allowed


def test_ask_looks_only_where_it_is_told(run: Run, sample_settings: Settings) -> None:
    """What stands in a document of another day is not said."""
    told = run("ask", "When did China cut off military channels?", "--before", "1999", "--home", sample_settings.home)

    assert told.out.startswith("The documents do not say.")


# status


def test_status_says_what_is_indexed(run: Run, sample_settings: Settings) -> None:
    """Documents, model and whether the index is whole are on the screen."""
    told = run("status", "--home", sample_settings.home)

    assert told.code == 0
    assert "documents 7 " in told.words
    assert "built with all-MiniLM-L6-v2, chunks of 160 tokens" in told.words
    assert "whole True" in told.words


def test_status_json_names_the_documents(run: Run, sample_settings: Settings, bot: Chatbot) -> None:
    """The facts, and every document's id to remove it by."""
    told = json.loads(run("status", "--home", sample_settings.home, "--json").out)

    assert set(told) == {"home", "documents", "chunks", "built with", "revision", "whole", "previous", "bytes", "ids"}
    assert told["ids"] == list(bot.documents())


# ingest


def test_ingest_of_an_unchanged_folder_says_so(run: Run, sample_settings: Settings, copied: Settings) -> None:
    """Nothing to do, and how much is as it was; nothing is loaded to say it."""
    told = run("ingest", sample_settings.corpus, "--home", copied.home)

    assert (told.code, told.err) == (0, "")
    assert told.words == f"{sample_settings.corpus}: nothing to do; 7 unchanged."


def test_ingest_reads_the_corpus_of_the_settings(
    run: Run, sample_settings: Settings, copied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path it is the folder that RAG_CORPUS names."""
    monkeypatch.setenv("RAG_CORPUS", str(sample_settings.corpus))

    assert json.loads(run("ingest", "--home", copied.home, "--json").out)["unchanged"] == 7


def test_ingest_names_each_file_it_skips_and_why(run: Run, copied: Settings, tmp_path: Path) -> None:
    """No file vanishes without a word."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"\x89PNG")
    (folder / "empty.txt").touch()

    told = run("ingest", folder, "--home", copied.home)

    assert told.code == 0
    assert "photos: 2 skipped; 0 unchanged." in told.words
    assert "skipped photos:cat.png: .png is not a format that is read" in told.words
    assert "skipped photos:empty.txt: it holds no text" in told.words


def test_files_skipped_for_one_reason_are_one_line(run: Run, copied: Settings, tmp_path: Path) -> None:
    """The first five by name, the others by their number."""
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.png").write_bytes(b"x")

    told = run("ingest", folder, "--home", copied.home)

    names = ", ".join(f"album:{number}.png" for number in range(5))
    assert f"skipped {names} and 4 more: .png is not a format that is read" in told.words


def test_ingest_json_is_the_report_of_each_path(run: Run, sample_settings: Settings, copied: Settings) -> None:
    """One path is one report, more are a list of them."""
    folder, file = sample_settings.corpus, sample_settings.corpus / "visits-2023.csv"

    one = json.loads(run("ingest", folder, "--home", copied.home, "--json").out)
    two = json.loads(run("ingest", folder, file, "--home", copied.home, "--json").out)

    assert list(one) == ["added", "changed", "moved", "removed", "skipped", "notes", "unchanged"]
    assert [report["unchanged"] for report in two] == [7, 1]


# remove


def test_remove_takes_a_document_out(run: Run, copied: Settings) -> None:
    """It is gone from the index, and the others are still there."""
    told = run("remove", "cuba-first-report.txt", "--home", copied.home)

    left = json.loads(run("status", "--home", copied.home, "--json").out)["ids"]
    assert (told.code, told.out) == (0, "1 removed.\n")
    assert "cuba-first-report.txt" not in left
    assert len(left) == 6


def test_remove_json_names_what_went(run: Run, copied: Settings) -> None:
    """Each id that is gone, in a list."""
    told = run("remove", "visits-2023.csv", "cuba-first-report.txt", "--home", copied.home, "--json")

    assert sorted(json.loads(told.out)["removed"]) == ["cuba-first-report.txt", "visits-2023.csv"]


def test_remove_of_an_unknown_document_is_an_error(run: Run, copied: Settings) -> None:
    """A misspelt id is told, with the way to the right one."""
    told = run("remove", "cuba.txt", "--home", copied.home)

    assert (told.code, told.out) == (1, "")
    assert told.err == "No document cuba.txt in the index. `rag status --json` lists what there is.\n"


def test_remove_with_other_settings_leaves_the_index_alone(
    run: Run, copied: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index built with another chunk size is not taken for one to be replaced, and emptied."""
    monkeypatch.setenv("RAG_CHUNK_SIZE", "100")
    refused = run("remove", "cuba-first-report.txt", "--home", copied.home)
    monkeypatch.delenv("RAG_CHUNK_SIZE")

    assert refused.code == 1
    assert json.loads(run("status", "--home", copied.home, "--json").out)["documents"] == 7


# eval


def test_verify_says_that_the_index_is_whole(run: Run, copied: Settings) -> None:
    """In words or as JSON, with exit status 0."""
    words, as_json = run("verify", "--home", copied.home), run("verify", "--home", copied.home, "--json")

    assert (words.code, words.words.startswith("Whole: 7 documents")) == (0, True)
    assert json.loads(as_json.out)["problems"] == []


def test_damage_is_told_and_mended(run: Run, copied: Settings) -> None:
    """`verify` exits with 1 and names the part, `repair` mends it, and then all is whole."""
    shutil.rmtree(copied.home / "chroma")

    found, mended, after = (run(name, "--home", copied.home) for name in ("verify", "repair", "verify"))

    assert (found.code, found.words) == (1, "chroma: its files are not as they were written")
    assert (mended.code, "chroma built from the catalog" in mended.words) == (0, True)
    assert after.code == 0


def test_rollback_goes_back_and_says_what_to_set(run: Run, copied: Settings) -> None:
    """Where the index that is in use again needs other settings, they are named; `--drop` deletes the other."""
    settings = Settings(home=copied.home, corpus=copied.corpus, chunk_size=80)
    rebuild(settings, embedder=LightEmbedding())

    back, dropped, none = (run("rollback", "--home", copied.home, *more) for more in ([], ["--drop"], []))

    assert (back.code, "chunks of 160 tokens" in back.words) == (0, True)
    assert (dropped.code, dropped.words) == (0, "The previous index is deleted.")
    assert (none.code, "No previous index" in none.err) == (1, True)


def test_stopped_ingest_says_that_nothing_is_lost(
    run: Run, copied: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C ends it with the status of an interrupt, and says how to go on."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["rag.ingest"], "ingest", stop)

    stopped = run("ingest", tmp_path, "--home", copied.home)

    assert stopped.code == 130
    assert "the same command goes on from there" in stopped.err


def test_eval_measures_and_writes_the_results(run: Run, sample_settings: Settings, tmp_path: Path) -> None:
    """Only the questions of the split are asked; figures are shown, also against the run before, and all is written."""
    entry = {"kind": "unanswerable", "question": UNANSWERABLE, "reference": "", "gold": []}
    lines = [json.dumps({"id": split, "split": split, **entry}) for split in ("dev", "test")]
    questions, results = tmp_path / "questions.jsonl", tmp_path / "results.json"
    questions.write_text("\n".join(lines), encoding="utf-8")
    arguments = ("eval", questions, "--split", "test", "--out", results, "--home", sample_settings.home)

    first = run(*arguments)
    second = run(*arguments, "--against", results)

    assert (first.code, second.code) == (0, 0)
    assert [record["id"] for record in json.loads(results.read_text(encoding="utf-8"))["records"]] == ["test"]
    assert "abstention recall" in first.out
    assert len(second.out) > len(first.out)


# serve


@pytest.mark.slow
@pytest.mark.parametrize(("host", "watch"), [("127.0.0.1", []), ("::1", ["--watch"])])
def test_serve_answers_at_its_link_until_interrupted(
    sample_settings: Settings, bot: Chatbot, monkeypatch: pytest.MonkeyPatch, host: str, watch: list[str]
) -> None:
    """The page and the JSON interface are at the link it prints, and Ctrl-C ends it without a complaint."""
    host = host if is_here(host) else "127.0.0.1"
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # the link must come through a pipe at once

    with serving("--host", host, "--port", 0, "--home", sample_settings.home, *watch) as process:
        assert process.stdout is not None
        link = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=link, trust_env=False, timeout=30) as client:
            page = client.get("/")
            answer = client.post("/api/ask", json={"question": QUESTION})
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert answer.json() == bot.ask(QUESTION).to_dict()
    assert (process.returncode, out, err) == (130, "", "")


def test_a_taken_port_is_told(run: Run, sample_settings: Settings) -> None:
    """The message names the address and a way out."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        told = run("serve", "--port", port, "--home", sample_settings.home)

    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"Cannot listen at 127.0.0.1:{port} (Address already in use)")
    assert "--port 0 takes a free one" in told.err


def test_serve_begins_with_an_empty_index_where_documents_may_be_added(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and what is asked is declined; where the page may change nothing, there is nothing to serve."""
    home, other = tmp_path / "new", tmp_path / "nowhere"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = run("serve", "--port", taken.getsockname()[1], "--home", home)

    asked = run("ask", QUESTION, "--home", home)
    monkeypatch.setenv("RAG_EDITABLE", "false")
    refused = run("serve", "--port", 0, "--home", other)

    assert told.err.startswith(f"No index at {home} yet, so it begins empty. Add documents on the page")
    assert (asked.code, NOT_SAID in asked.out) == (0, True)
    assert (refused.code, other.exists()) == (1, False)
    assert refused.err.startswith(f"No index at {other}. Build one")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "x" * 70])
def test_an_address_that_is_not_here_is_told(run: Run, sample_settings: Settings, host: str) -> None:
    """Whatever is wrong with the name is one line."""
    told = run("serve", "--host", host, "--port", 0, "--home", sample_settings.home)

    assert told.code == 1
    assert told.err.startswith(f"Cannot listen at {host}:0 (")
    assert told.err.count("\n") == 1


# What goes wrong


@pytest.mark.parametrize(
    "command",
    [
        ["ask", QUESTION],
        ["chat"],
        ["search", "x"],
        ["status"],
        ["remove", "a.txt"],
        ["eval", "{questions}"],
    ],
)
def test_a_missing_index_says_how_to_build_one(run: Run, command: list[str], tmp_path: Path) -> None:
    """Every command that reads one says so on one line, exits with 1, and leaves nothing behind."""
    questions = tmp_path / "questions.jsonl"
    entry = {"id": "a", "kind": "unanswerable", "split": "dev", "question": "Why?", "reference": "", "gold": []}
    questions.write_text(json.dumps(entry), encoding="utf-8")
    home = tmp_path / "nowhere"

    told = run(*(part.format(questions=questions) for part in command), "--home", home)

    assert (told.code, told.out) == (1, "")
    assert told.err == f"No index at {home}. Build one: rag ingest FOLDER\n"
    assert not home.exists()


@pytest.mark.parametrize("where", [0, 1, 2])
def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: int) -> None:
    """Wherever --debug stands, the error itself comes out."""
    arguments = ["status", f"--home={tmp_path / 'nowhere'}"]
    arguments.insert(where, "--debug")
    monkeypatch.setattr("sys.argv", ["rag", *arguments])

    with pytest.raises(StoreMissingError):
        cli.main()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["answer"],
        ["ask"],
        ["ask", QUESTION, "--all"],
        ["remove"],
        ["search", "x", "-k", "0"],
        ["search", "x", "--after", "June"],
        ["serve", "--port", "70000"],
        ["eval", "--split", "none"],
    ],
)
def test_a_wrong_call_exits_with_two(run: Run, arguments: list[str]) -> None:
    """A command, argument or option that does not exist is the caller's mistake and says so on stderr."""
    told = run(*arguments)

    assert told.code == 2
    assert "Usage: rag" in told.out + told.err


def test_a_path_that_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    """One line, also while a progress bar would be drawn."""
    told = run("ingest", tmp_path / "nothing", "--home", tmp_path / "home")

    assert (told.code, told.out, told.err) == (1, "", f"No file or folder at {tmp_path / 'nothing'}.\n")


def test_a_wrong_name_in_rag_toml_is_told(run: Run, tmp_path: Path) -> None:
    """The message says that it stands in the file, not in the environment."""
    (tmp_path / "rag.toml").write_text("pasages = 3\n")

    told = run("status")

    assert (told.code, told.err.count("\n")) == (1, 1)
    assert told.err.startswith("Settings are wrong. pasages in rag.toml: ")


def commands(group: TyperGroup, *before: str) -> Iterator[tuple[str, ...]]:
    """Every command by its words, those of groups too."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *before, name)
        else:
            yield *before, name


@pytest.mark.parametrize("words", [*commands(get_group(cli.app))], ids=" ".join)
def test_every_command_has_help_and_a_home(run: Run, words: tuple[str, ...]) -> None:
    """--help explains it and ends with 0; --home names the index for all that ask one."""
    told = run(*words, "--help")

    assert told.code == 0
    assert ("--home" in told.out) == (words != ("diff",))  # which compares two files


# What is printed safely


def test_a_hostile_name_is_only_shown_when_skipped(run: Run, tmp_path: Path) -> None:
    """Controls in a file's name are written out, on its line, and square brackets are no markup."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / f"{HOSTILE}.png").touch()

    told = run("ingest", folder, "--home", tmp_path / "home")

    assert f"  skipped {SHOWN}.png: " in told.out
    assert not set("\x1b\x07\x9b\u202e") & set(told.out + told.err)


def test_a_hostile_name_is_only_shown_in_the_progress_bar(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it markup there: one that closes what was never opened would end the ingest."""
    folder = tmp_path / "folder" / "["  # an id has slashes, so "[/nothing]" may be part of one
    folder.mkdir(parents=True)
    (folder / "nothing]\x1b]0;a\x07.png").touch()
    monkeypatch.setattr(cli, "err", Console(stderr=True, force_terminal=True, force_interactive=True))

    told = run("ingest", tmp_path / "folder", "--home", tmp_path / "home")

    assert told.code == 0
    assert "[/nothing]\\x1b]0;a\\x07.png" in told.err
    assert "\x07" not in told.err


@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_hostile_document_is_only_shown(
    run: Run, hostile: Settings, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is written out, and its words stand as they are."""
    monkeypatch.setenv("RAG_ANSWER_THRESHOLD", "0")  # what is shown is tested, not whether it is sure

    told = run(command, "When did the archive open its doors?", "--home", hostile.home)

    assert told.code == 0
    assert f"{SHOWN}.txt" in told.words
    assert "The [bold]archive[/bold] opened its [link=file:///etc/passwd]doors[/] in 1921." in told.words
    assert not set("\x1b\x07\x9b\u202e") & set(told.out)


def test_json_holds_a_hostile_name_unchanged(run: Run, hostile: Settings) -> None:
    """What a script reads is the name itself; what a terminal would see of it is not."""
    told = run("status", "--home", hostile.home, "--json")

    assert json.loads(told.out)["ids"] == [f"{HOSTILE}.txt"]
    assert not set("\x1b\x07\x9b\u202e") & set(told.out)


def test_a_hostile_argument_is_only_shown(run: Run, copied: Settings) -> None:
    """An error repeats what was asked for on one line, controls written out."""
    told = run("remove", f"{HOSTILE}.txt", "--home", copied.home)

    assert told.err.count("\n") == 1
    assert not set("\x1b\x07\x9b\u202e") & set(told.err)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_terminal_without_the_letters_gets_the_answer(
    run: Run, sample_settings: Settings, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Letters that an encoding lacks are written out, in JSON too, and are no error."""
    screen = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(screen, encoding="ascii"))

    told = run("search", "Fernández de Cossío", "-k", 1, "--home", sample_settings.home, *arguments)

    sys.stdout.flush()
    assert (told.code, told.err) == (0, "")
    assert (b"Fern\\u00e1ndez" if arguments else b"Fern\\xe1ndez") in screen.getvalue()
