"""The command line: arguments in, values out; what is decided is decided elsewhere."""

import json
import logging
import os
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rag.errors import ConfigError, RagError
from rag.schema import Answer, IngestReport, Passage, Turn

if TYPE_CHECKING:
    from rag.chat import Chatbot
    from rag.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
out = Console()
err = Console(stderr=True)

Home = Annotated[Path | None, typer.Option("--home", metavar="DIR", help="Index folder.", show_default=".rag")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Question = Annotated[str, typer.Argument(help="The question, in quotes.", show_default=False)]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
) -> None:
    """Ask questions of a folder of documents; every sentence of an answer shows the exact words it stands on.

    Begin with [bold]rag ingest FOLDER[/], then [bold]rag ask "your question"[/], or [bold]rag serve[/] for the page.
    """


@app.command()
def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files to read.", show_default="corpus/documents")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Bring the index up to date with folders: new, changed, moved and deleted files. Unchanged ones cost nothing.

    Reads txt, md, html, pdf, docx and csv; any other file is listed as skipped with the reason. Folders that were
    ingested before stay in the index; [bold]rag remove[/] takes documents out.
    """
    from rag.ingest import ingest as run

    settings = _settings(home)
    reports = []
    for path in paths or [settings.corpus]:
        with _progress() as progress:
            reports.append(run(path, settings, progress=progress))
    if as_json:
        _print_json(reports[0].to_dict() if len(reports) == 1 else [report.to_dict() for report in reports])
    else:
        for path, report in zip(paths or [settings.corpus], reports, strict=True):
            _show_report(path, report)


@app.command()
def remove(
    documents: Annotated[list[str], typer.Argument(help="Ids of documents, or of folders of them.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take documents out of the index; the files themselves stay. The next ingest of their folder adds them again."""
    from rag.ingest import remove as run

    gone = run(documents, _settings(home))
    if not gone:
        raise ConfigError(f"No document {', '.join(documents)} in the index. `rag status --json` lists what there is.")
    if as_json:
        _print_json({"removed": gone})
    else:
        out.print(f"{len(gone)} removed.")


@app.command()
def ask(question: Question, home: Home = None, as_json: AsJson = False) -> None:
    """Answer one question, each sentence with the words it stands on; or say that the documents do not say."""
    bot = _bot(home)
    if as_json:
        _print_json(bot.ask(question).to_dict())
    else:
        _show_answer(bot.ask(question))


@app.command()
def chat(home: Home = None) -> None:
    """Ask many questions, follow-ups too. An empty line or Ctrl-D ends it."""
    bot = _bot(home)
    history: list[Turn] = []
    while question := _prompt():
        try:
            answer = bot.ask(question, history)
        except RagError as error:
            err.print(str(error), markup=False, style="red")
            continue
        _show_answer(answer)
        history.append(Turn(question, answer))


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="What to look for, in quotes.", show_default=False)],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 10,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show the passages nearest to some words, best first, without an answer."""
    found = _bot(home).retrieve(words, k)
    if as_json:
        _print_json([passage.to_dict() for passage in found])
    elif not found:
        out.print("Nothing found.")
    else:
        for number, passage in enumerate(found, 1):
            out.print(Text(f"{number}. {passage.title}", "bold"), Text(_place(passage), "dim"))
            out.print(Text(passage.text), "")


@app.command()
def status(home: Home = None, as_json: AsJson = False) -> None:
    """Say what is indexed, with which model, how big it is, and whether it is whole."""
    from rag.index.store import Store

    facts = Store.open(_settings(home)).facts()
    if as_json:
        _print_json(facts)
        return
    table = Table(show_header=False, box=None)
    for name in ("home", "documents", "chunks", "built with", "bytes", "revision", "whole"):
        table.add_row(name, f"{facts[name]:,}" if name == "bytes" else Text(str(facts[name])))
    out.print(table)


@app.command()
def serve(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="7860")] = None,
) -> None:
    """Serve the page, and questions as JSON under /api. Ctrl-C ends it."""
    settings = _settings(home)
    listener = _listen(host or settings.host, settings.port if port is None else port)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    with err.status("Starting the page"):
        server = _server(settings)
    out.print(f"Ask your documents at http://{host or settings.host}:{listener.getsockname()[1]}", highlight=False)
    server.run(sockets=[listener])


@app.command(name="eval")
def evaluate(
    questions: Annotated[Path | None, typer.Argument(help="JSONL file.", show_default="the corpus's own")] = None,
    split: Annotated[str, typer.Option(help="dev, test or all.")] = "all",
    output: Annotated[Path | None, typer.Option("--out", help="Where to write the results as JSON.")] = None,
    against: Annotated[Path | None, typer.Option(help="Results of an earlier run to compare with.")] = None,
    home: Home = None,
) -> None:
    """Measure answers, citations and abstentions against a gold question set."""
    import eval as evaluation

    if split not in ("dev", "test", "all"):
        raise typer.BadParameter("dev, test or all", param_hint="--split")
    evaluation.main(questions or evaluation.QUESTIONS, split=split, out=output, home=home, against=against)  # type: ignore[arg-type]  # checked above


def main() -> None:
    """Run the command; exit 1 with one line on stderr when it fails, 2 when it was called wrongly."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="rag")
    except (RagError, OSError, sqlite3.Error) as error:
        if debug:
            raise
        err.print(" ".join(str(error).split()), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _settings(home: Path | None) -> "Settings":
    from pydantic import ValidationError

    from rag.settings import Settings

    try:
        return Settings(home=home) if home else Settings()
    except (ValidationError, ValueError) as error:
        problems = error.errors() if isinstance(error, ValidationError) else []
        told = "; ".join(f"RAG_{str(p['loc'][0]).upper()}: {p['msg']}" for p in problems if p["loc"]) or str(error)
        raise ConfigError(f"Settings are wrong. {told}") from error


def _bot(home: Path | None) -> "Chatbot":
    from rag.chat import Chatbot

    return Chatbot.open(_settings(home))


def _server(settings: "Settings") -> Any:
    import uvicorn

    from rag.api import application
    from rag.chat import Chatbot
    from ui.app import build, mount

    bot = Chatbot.open(settings)
    examples = settings.corpus.parent / "questions.txt"
    lines = examples.read_text(encoding="utf-8").splitlines() if examples.is_file() else []
    page = build(bot, examples=[line for line in lines if line.strip()], document_count=len(bot.documents()))
    return uvicorn.Server(uvicorn.Config(mount(application(bot), page), log_level="warning"))


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"Cannot listen at {host}:{port} ({error.strerror}). Set RAG_PORT to a free port.") from error


@contextmanager
def _progress() -> Iterator[Any]:
    """A bar on stderr that appears with the first file."""
    from rich.progress import Progress

    logging.getLogger("transformers").setLevel(logging.ERROR)
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("Reading files", total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=_short(name))


def _short(name: str) -> str:
    from rich.markup import escape

    return escape(name if len(name) <= 40 else f"…{name[-39:]}")


def _prompt() -> str:
    try:
        return out.input("[bold]> [/]").strip()
    except EOFError:
        return ""


def _show_report(path: Path, report: IngestReport) -> None:
    counts = {name: len(getattr(report, name)) for name in ("added", "changed", "moved", "removed", "skipped")}
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    out.print(Text(f"{path}: {told or 'nothing to do'}; {report.unchanged} unchanged."))
    for name, reason in report.skipped:
        out.print(Text(f"  skipped {name}: {reason}", "yellow"))


def _show_answer(answer: Answer) -> None:
    if answer.abstained:
        out.print(Text(answer.text, "bold"))
        if answer.passages:
            out.print(Text("Nearest: " + "; ".join(f"{p.title} ({_place(p)})" for p in answer.passages), "dim"))
        return
    for claim in answer.claims:
        markers = "".join(f"[{citation.marker}]" for citation in claim.citations)
        doubt = "" if claim.verdict == "supported" else f" ({claim.verdict})"
        out.print(Text(claim.text), Text(markers, "cyan"), Text(doubt, "yellow"))
    out.print()
    for citation in answer.citations:
        page = f", page {citation.page}" if citation.page else ""
        out.print(
            Text(f"[{citation.marker}] {citation.span.document_id}{page}: ", "cyan") + Text(f"“{citation.quote}”")
        )


def _place(passage: Passage) -> str:
    return passage.span.document_id + (f", page {passage.page}" if passage.page else "")


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
