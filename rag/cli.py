"""The command line: arguments in, values out; what is decided is decided elsewhere."""

import io
import json
import logging
import os
import re
import socket
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rag.errors import ConfigError, RagError
from rag.schema import Answer, Citation, Claim, HealthReport, IngestReport, Passage, Scope, Trace, Turn

if TYPE_CHECKING:
    from rag.chat import Chatbot
    from rag.library import Library
    from rag.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
feedback = typer.Typer(no_args_is_help=True, help="What people said of answers on the page.")
app.add_typer(feedback, name="feedback")
gold = typer.Typer(no_args_is_help=True, help="Question sets to evaluate with.")
app.add_typer(gold, name="gold")
out = Console()
err = Console(stderr=True)

Home = Annotated[Path | None, typer.Option("--home", metavar="DIR", help="Index folder.", show_default=".rag")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Question = Annotated[str, typer.Argument(help="The question, in quotes.", show_default=False)]
Paths = Annotated[
    list[str] | None,
    typer.Option("--path", metavar="GLOB", help="Only documents or folders of this name; may be repeated."),
]
Types = Annotated[list[str] | None, typer.Option("--type", metavar="SUFFIX", help="Only files of this type, as pdf.")]
After = Annotated[str | None, typer.Option(metavar="DAY", help="Only documents of this day or later, as 2023-06.")]
Before = Annotated[str | None, typer.Option(metavar="DAY", help="Only documents of this day or earlier.")]

_NAMED = 5  # files skipped for one reason that are named; --json names all
_LOWER = 10  # niceness of an ingest
# What would command a terminal or turn its text around; line ends and tabs are left
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


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

    Reads txt md rst org html mhtml, pdf docx doc odt rtf epub, pptx ppt odp, xlsx xls xlsb ods csv tsv, eml msg, ipynb
    json jsonl xml, and zip of these; doc and ppt if LibreOffice is installed. Any other file is listed as skipped with
    the reason. Folders that were ingested before stay in the index; [bold]rag remove[/] takes documents out.
    """
    from rag.ingest import ingest as run

    settings = _settings(home)
    reports = []
    for path in paths or [settings.corpus]:
        try:
            with _progress() as progress, _stepping_back():
                report = run(path, settings, progress=progress)
        except KeyboardInterrupt:
            err.print("Stopped. What is done is kept; the same command goes on from there.")
            raise
        reports.append(report.to_dict())
        if not as_json:
            _show_report(path, report)
    if as_json:
        _print_json(reports[0] if len(reports) == 1 else reports)


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
def verify(home: Home = None, as_json: AsJson = False) -> None:
    """Check the index: every document, chunk, vector and file of it. Exit status 1 if anything is wrong."""
    from rag.index.health import verify as run

    _show_health(run(_settings(home)), as_json)


@app.command()
def repair(home: Home = None, as_json: AsJson = False) -> None:
    """Mend the index: what can be made from the catalog is made again, damaged documents are read again."""
    from rag.ingest import repair as run

    with _progress() as progress:
        report = run(_settings(home), progress=progress)
    _show_health(report, as_json)


@app.command()
def rebuild(home: Home = None, as_json: AsJson = False) -> None:
    """Make the index anew from the files, beside the one in use, which answers until then and is kept.

    Needed after a change of embedder or chunk size. [bold]rag rollback[/] goes back.
    """
    from rag.ingest import rebuild as run

    settings = _settings(home)
    with _progress() as progress, _stepping_back():
        report = run(settings, progress=progress)
    if as_json:
        _print_json(report.to_dict())
    else:
        _show_report(settings.home, report)


@app.command()
def rollback(
    home: Home = None,
    drop: Annotated[bool, typer.Option("--drop", help="Delete the previous index instead.")] = False,
) -> None:
    """Go back to the index that the last rebuild replaced; again, and you are where you were."""
    from rag.index.store import describe
    from rag.index.writing import drop_previous, roll_back

    settings = _settings(home)
    if drop:
        drop_previous(settings)
        out.print("The previous index is deleted.")
        return
    built_with = roll_back(settings)
    out.print(Text(f"In use is the index built with {built_with}."))
    if built_with != describe(settings):
        out.print(Text(f"Settings name {describe(settings)}: change them to ask it.", "yellow"))


@app.command()
def ask(
    question: Question,
    paths: Paths = None,
    types: Types = None,
    after: After = None,
    before: Before = None,
    home: Home = None,
    why: Annotated[bool, typer.Option("--trace", help="Show what the answer came from, step by step.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer one question, each sentence with the words it stands on; or say that the documents do not say."""
    scope = _scope(paths, types, after, before)
    with _bot(home) as bot:
        trace = bot.trace(_words(question), scope=scope) if why else None
        answer = trace.answer if trace else bot.ask(_words(question), scope=scope)
    if as_json:
        _remark(answer)
        _print_json(answer.to_dict() | ({"trace": trace.to_dict()} if trace else {}))
        return
    _show_answer(answer)
    if trace:
        _show_trace(trace)


@app.command()
def chat(
    paths: Paths = None, types: Types = None, after: After = None, before: Before = None, home: Home = None
) -> None:
    """Ask many questions, follow-ups too. An empty line or Ctrl-D ends it."""
    scope = _scope(paths, types, after, before)
    history: list[Turn] = []
    with _bot(home) as bot:
        while question := _prompt():
            try:
                answer = bot.ask(question, history, scope=scope)
            except RagError as error:
                _complain(error)
                continue
            _show_answer(answer)
            history.append(Turn(question, answer))


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="What to look for, in quotes.", show_default=False)],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 10,
    paths: Paths = None,
    types: Types = None,
    after: After = None,
    before: Before = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show the passages nearest to some words, best first, without an answer."""
    scope = _scope(paths, types, after, before)
    with _bot(home) as bot:
        found = bot.retrieve(_words(words), k, scope=scope)
    if as_json:
        _print_json([passage.to_dict() for passage in found])
    elif not found:
        out.print("Nothing found.")
    else:
        for number, passage in enumerate(found, 1):
            about = ", ".join(filter(None, (_place(passage), passage.date, _name(passage.author or ""))))
            out.print(Text(f"{number}. {_name(passage.title)}", "bold"), Text(about, "dim"))
            out.print(Text(_shown(passage.text)), "")


@app.command()
def status(home: Home = None, as_json: AsJson = False) -> None:
    """Say what is indexed, with which model, how big it is, and whether it is whole."""
    from rag.index.store import Store

    with closing(Store.open(_settings(home))) as store:
        facts = store.facts()
    if as_json:
        _print_json(facts)
        return
    table = Table(show_header=False, box=None)
    for name in ("home", "documents", "chunks", "built with", "previous", "bytes", "revision", "whole"):
        if facts[name] is None:
            continue
        table.add_row(name, f"{facts[name]:,}" if name == "bytes" else Text(_name(str(facts[name]))))
    out.print(table)


@feedback.command()
def export(
    output: Annotated[Path | None, typer.Option("--out", help="File to write.", show_default="stdout")] = None,
    home: Home = None,
) -> None:
    """What was said of answers on the page, as lines for a question set: the last word on each question.

    An answer called right is a whole line. Of another only the question is; kind, reference and gold are yours to add.
    """
    from rag.feedback import candidates

    lines = [_json(line) + "\n" for line in candidates(_settings(home).home)]
    if output is None:
        sys.stdout.writelines(lines)
    else:
        output.write_text("".join(lines), encoding="utf-8")
        out.print(f"{len(lines)} written to {_name(str(output))}.", markup=False)


@app.command()
def serve(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="7860")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Ingest again whenever the folders change.")] = False,
) -> None:
    """Serve the page, and questions as JSON under /api. Ctrl-C ends it."""
    settings = _settings(home)
    host = host or settings.host
    if not (settings.home / "catalog.db").exists():
        if watch:
            ingest(None, home)
        elif settings.editable:
            from rag.index.writing import create

            create(settings)
            told = (
                f"No index at {settings.home} yet, so it begins empty. Add documents on the page, or: rag ingest FOLDER"
            )
            err.print(told, markup=False, highlight=False, soft_wrap=True)
    from rag.library import Library

    with (
        _watching(settings) if watch else nullcontext(),
        _listen(host, settings.port if port is None else port) as listener,
        closing(Library(settings)) as library,
    ):
        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
        with err.status("Starting the page"):
            server = _server(settings, library)
        link = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        out.print(f"Ask your documents at {link}", markup=False, highlight=False, soft_wrap=True)
        server.run(sockets=[listener])


@app.command(name="eval")
def evaluate(
    questions: Annotated[
        Path | None, typer.Argument(help="JSONL or CSV file.", show_default="the corpus's own")
    ] = None,
    beir: Annotated[Path | None, typer.Option(metavar="DIR", help="Rank a BEIR collection instead.")] = None,
    split: Annotated[
        str | None, typer.Option(help="dev, test or all; of a collection, any that it has.", show_default="all; test")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for run, report and tables; or a *.json.", show_default="HOME/evaluations"),
    ] = None,
    against: Annotated[Path | None, typer.Option(help="An earlier run to compare with: its folder or JSON.")] = None,
    gate: Annotated[
        Path | None, typer.Option(help="TOML file of the figures to reach; exit status 1 when one is not.")
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, metavar="N", help="Ask only N of them, drawn at random.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the sample and of the intervals.", show_default="13")
    ] = None,
    attacks: Annotated[
        bool, typer.Option("--attacks", help="Ask beside poisoned documents instead; exit status 1 if one succeeds.")
    ] = False,
    home: Home = None,
) -> None:
    """Measure answers, citations and abstentions against a gold question set; or the ranking of a collection.

    Killed and called again, it goes on where it was. With --beir, --home keeps the index of the collection's passages;
    without it, the index is thrown away.
    """
    import eval as evaluation

    if attacks:
        from eval.attacks import run

        run(out)
        return
    if beir and questions:
        raise typer.BadParameter("either questions or a collection", param_hint="--beir")
    if beir and gate:
        raise typer.BadParameter("a gate is for questions, not for a collection", param_hint="--gate")
    if not beir and split not in (None, "dev", "test", "all"):
        raise typer.BadParameter("dev, test or all", param_hint="--split")
    _settings(home)  # what is wrong with them is told first, as by every command
    drawn_with = evaluation.SEED if seed is None else seed
    if beir:
        evaluation.rank(
            beir, split=split or "test", out=output, home=home, against=against, sample=sample, seed=drawn_with
        )
        return
    evaluation.main(
        questions or evaluation.QUESTIONS,
        split=split or "all",  # type: ignore[arg-type]  # checked above
        out=output,
        home=home,
        against=against,
        gate=gate,
        sample=sample,
        seed=drawn_with,
    )


@app.command()
def calibrate(
    questions: Annotated[Path, typer.Argument(help="JSONL or CSV file.", show_default=False)],
    split: Annotated[str, typer.Option(help="dev, test or all.")] = "dev",
    home: Home = None,
) -> None:
    """Fit how sure an answer must be to your own gold questions, those that the documents do not answer among them.

    It writes calibration.json into the index folder, which answers use from then on, and tells how well the
    probability knew what the documents answer, before and after, on questions that it was not fitted to.
    [bold]RAG_MAX_WRONG=0.1[/] then has it answer only where at most a tenth of the answers is wrong.
    """
    import eval as evaluation

    if split not in ("dev", "test", "all"):
        raise typer.BadParameter("dev, test or all", param_hint="--split")
    _settings(home)
    evaluation.calibrate_home(questions, split=split, home=home)  # type: ignore[arg-type]  # checked above


@gold.command()
def suggest(
    output: Annotated[Path, typer.Option("--out", help="JSONL file to write.")] = Path("suggested.jsonl"),
    most: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="At most so many.", show_default="all; of a model 100")
    ] = None,
    home: Home = None,
) -> None:
    """Propose questions from the documents' own sentences, each with the place that answers it.

    By rules, or in the words of the language model that [bold]RAG_LLM[/] names; Ctrl-C then keeps what it has written.
    Read them before they are used: take out what is not worth asking, and put the others in words of your own.
    """
    import eval as evaluation

    _settings(home)
    count = evaluation.suggest_questions(output, home=home, most=most)
    out.print(f"{count} questions: {output}", markup=False, soft_wrap=True)


@gold.command()
def review(
    questions: Annotated[Path, typer.Argument(help="JSONL file, as `rag gold suggest` writes it.", show_default=False)],
    home: Home = None,
) -> None:
    """Put the questions of a file among those to review on the page, less those that it has already."""
    from dataclasses import asdict

    from eval.dataset import read
    from rag.index.store import Store
    from rag.review import propose

    settings = _settings(home)
    with closing(Store.open(settings)) as store:
        count = propose(settings.home, store.catalog, map(asdict, read(questions)))
    out.print(f"{count} to review.")


@gold.command(name="export")
def export_accepted(
    output: Annotated[Path | None, typer.Option("--out", help="File to write.", show_default="stdout")] = None,
    home: Home = None,
) -> None:
    """The questions that were accepted on the page, as a question set: questions.jsonl of the index folder."""
    from rag.review import Review

    lines = [line for line in Review(_settings(home), lambda: None).accepted().split("\n") if line]
    if output is None:
        sys.stdout.writelines(_json(json.loads(line)) + "\n" for line in lines)
    else:
        output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        out.print(f"{len(lines)} written to {_name(str(output))}.", markup=False)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="The earlier evaluation: its folder or JSON.")],
    now: Annotated[Path, typer.Argument(metavar="RUN_B", help="The later one.")],
) -> None:
    """Show what changed between two evaluations: each figure, and each answer with the stage that it comes from."""
    import eval as evaluation

    evaluation.compare(before, now)


def main() -> None:
    """Run the command; exit 1 with one line on stderr when it fails, 2 when it was called wrongly."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # documents hold what a Windows code page lacks
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="rag")
    except (RagError, OSError, sqlite3.Error) as error:
        if debug:
            raise
        _complain(error)
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
        told = "; ".join(f"{_origin(str(p['loc'][0]))}: {p['msg']}" for p in problems if p["loc"]) or str(error)
        raise ConfigError(f"Settings are wrong. {told}") from error


def _origin(setting: str) -> str:
    """Where a setting that is wrong was made: its environment variable, or rag.toml."""
    variable = f"RAG_{setting.upper()}"
    return variable if variable in map(str.upper, os.environ) else f"{setting} in rag.toml"


def _scope(paths: list[str] | None, types: list[str] | None, after: str | None, before: str | None) -> Scope:
    asked = [one.strip() for several in types or () for one in _words(several).split(",")]
    try:
        return Scope(tuple(map(_words, paths or ())), tuple(asked), after, before)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--after or --before") from error


def _bot(home: Path | None) -> "closing[Chatbot]":
    from rag.chat import Chatbot

    return closing(Chatbot.open(_settings(home)))


def _server(settings: "Settings", library: "Library") -> Any:
    from rag.chat import Chatbot

    bot = Chatbot.open(settings)  # before the imports that take 5 s: what is wrong with the index is told at once
    Thread(target=_warm, args=(bot,), daemon=True).start()  # meanwhile, so that nobody's first question waits for it

    import uvicorn

    from rag.api import application
    from ui.app import build, mount

    page = build(bot, library)
    return uvicorn.Server(uvicorn.Config(mount(application(bot), bot, page), log_level="warning"))


def _warm(bot: "Chatbot") -> None:
    """Load the models; what is wrong with one is told, and the page shows it too."""
    try:
        bot.explain("Ready?")
    except RagError as error:
        _complain(error)


@contextmanager
def _watching(settings: "Settings") -> Iterator[None]:
    """The ingested folders are followed while this lasts; the corpus where none was ingested whole."""
    from rag.index.store import Store
    from rag.watch import follow

    with closing(Store.open(settings)) as store:
        uploads = settings.home.resolve() / "uploads"  # read when they are sent
        folders = [root.path for root in store.catalog.roots() if root.whole and root.path != uploads]
    stop = Event()
    folders = folders or [settings.corpus]
    options = {"stop": stop, "tell": lambda said: err.print(_shown(said), markup=False, soft_wrap=True)}
    follower = Thread(target=follow, args=(folders, settings.home), kwargs=options)
    follower.start()
    try:
        yield
    finally:
        stop.set()
        follower.join()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]  # what Python 3.11 adds
        raise ConfigError(
            f"Cannot listen at {host}:{port} ({reason}). Name another --host or --port; --port 0 takes a free one."
        ) from error


@contextmanager
def _progress() -> Iterator[Any]:
    """A bar on stderr, where that is a terminal."""
    from rich.progress import Progress, TextColumn

    logging.getLogger("transformers").setLevel(logging.ERROR)
    columns = *Progress.get_default_columns(), TextColumn("{task.fields[rate]}")
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("Reading files", total=None, rate="")
        started = time.monotonic()

        def tell(done: int, total: int, name: str) -> None:
            rate = f"{done} of {total}, {done / max(time.monotonic() - started, 0.1):.1f} files/s"
            bar.update(task, completed=done, total=total, description=_short(name), rate=rate)

        yield tell


@contextmanager
def _stepping_back() -> Iterator[None]:
    """Whoever asks meanwhile goes first; where nobody does, it is as fast as ever."""
    if not hasattr(os, "getpriority"):
        yield
        return
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, _LOWER))
    try:
        yield
    finally:
        with suppress(OSError):  # only root may go up again, and the process is about to end
            os.setpriority(os.PRIO_PROCESS, 0, before)


def _short(name: str) -> str:
    from rich.markup import escape

    return escape(_name(name if len(name) <= 40 else f"…{name[-39:]}"))


def _prompt() -> str:
    try:
        return _words(out.input("[bold]> [/]")).strip()
    except EOFError:
        return ""


def _show_report(path: Path, report: IngestReport) -> None:
    counts = {name: len(getattr(report, name)) for name in ("added", "changed", "moved", "removed", "skipped")}
    told = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    out.print(Text(f"{_name(str(path))}: {told or 'nothing to do'}; {report.unchanged} unchanged."))
    for reason, names in _by_reason(report.skipped):
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        out.print(Text(f"  skipped {', '.join(map(_name, names[:_NAMED]))}{more}: {_name(reason)}", "yellow"))
    for name, note in report.notes:
        out.print(Text(f"  {_name(name)}: {_name(note)}", "yellow"))


def _by_reason(skipped: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Each reason with the files that it was for, so that a folder of pictures is one line."""
    found: dict[str, list[str]] = {}
    for name, reason in skipped:
        found.setdefault(reason, []).append(name)
    return list(found.items())


def _show_health(report: HealthReport, as_json: bool) -> None:
    """The report; exit status 1 if something is wrong."""
    if as_json:
        _print_json(report.to_dict())
    else:
        for done in report.mended:
            out.print(Text(_name(done)))
        for part, what in report.problems:
            out.print(Text(f"{part}: {_name(what)}", "red"))
        if not report.problems:
            out.print(f"Whole: {report.documents} documents, {report.chunks} chunks.")
    if report.problems:
        raise typer.Exit(1)


def _show_trace(trace: Trace) -> None:
    """Every step from the question to the answer."""
    evidence = trace.evidence
    _step("Looked up", [evidence.question])
    _step("Passages found", [f"{one.score:.2f}  {_name(one.title)} ({_place(one)})" for one in evidence.passages])
    _step("Sentences weighed, log-odds", [f"{one.score:+.2f}  {one.text}" for one in evidence.sentences])
    decided = f"{evidence.confidence:.2f}, declined below {trace.threshold:.2f}"
    _step("Probability that the documents answer", [decided, *(f"{n}: {v:.2f}" for n, v in evidence.facts.items())])
    for exchange in trace.exchanges:
        _step("Sent to the language model", [exchange.system, exchange.user])
        tokens = f"tokens: {exchange.tokens_read} read, {exchange.tokens_written} written, {exchange.tokens_are}"
        _step("It said", [exchange.reply, exchange.failure, tokens])
    _step("Sentences checked", [line for claim in trace.claims for line in _checked(claim)])


def _step(name: str, lines: Iterable[str]) -> None:
    out.print()
    out.print(Text(name, "bold"))
    for line in filter(None, lines):
        out.print(Text(_shown(line)), soft_wrap=True)


def _checked(claim: Claim) -> Iterator[str]:
    by = f" ({claim.check})" if claim.check else ""
    yield f"{claim.verdict}{by}: {claim.text}"
    for citation in claim.citations:
        yield f"    {_place(citation)}: “{' '.join(citation.quote.split())}”"


def _remark(answer: Answer) -> None:
    """What a reader must know of how the answer came about, on one line of stderr."""
    if answer.remark:
        err.print(_shown(answer.remark), style="yellow", markup=False, highlight=False, soft_wrap=True)


def _show_answer(answer: Answer) -> None:
    _remark(answer)
    if answer.reworded:
        out.print(Text(f"Understood as: {_name(answer.asked)}", "dim"))
    if answer.abstained:
        out.print(Text(answer.text, "bold"))
        for citation in answer.nearest:
            out.print(Text(f"The nearest they do say: “{_shown(citation.quote)}” ({_place(citation)})"))
        if answer.passages:
            nearest = "; ".join(f"{_name(passage.title)} ({_place(passage)})" for passage in answer.passages)
            out.print(Text(f"Nearest passages: {nearest}", "dim"))
        return
    for claim in answer.claims:
        markers = "".join(f"[{citation.marker}]" for citation in claim.citations)
        doubt = "" if claim.verdict == "supported" else f" ({claim.verdict})"
        out.print(_emphasised(claim), Text(markers, "cyan"), Text(doubt, "yellow"))
    out.print()
    for citation in answer.citations:
        out.print(Text(f"[{citation.marker}] {_place(citation)}: ", "cyan") + Text(f"“{_shown(citation.quote)}”"))


def _emphasised(claim: Claim) -> Text:
    """The sentence with the words bold that answer by themselves."""
    start, end = claim.marked or (0, 0)
    parts = (claim.text[:start], ""), (claim.text[start:end], "bold"), (claim.text[end:], "")
    return Text.assemble(*((_shown(part), style) for part, style in parts))


def _place(found: Passage | Citation) -> str:
    return _name(found.span.document_id) + (f", page {found.page}" if found.page else "")


def _complain(error: Exception) -> None:
    """The error on one line of stderr."""
    err.print(_shown(" ".join(str(error).split())), style="red", markup=False, highlight=False, soft_wrap=True)


def _words(typed: str) -> str:
    """What was typed as text: bytes that are none, which Python keeps as halves of characters, become "?"."""
    return typed.encode(errors="replace").decode()


def _shown(text: str) -> str:
    """The text with control characters written out, so that no document and no model commands the terminal."""
    return _CONTROLS.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _name(text: str) -> str:
    """A name on one line: a file's may hold line ends too."""
    return _shown(text).replace("\n", "\\n").replace("\t", "\\t")


def _print_json(value: object) -> None:
    sys.stdout.write(_json(value, indent=2) + "\n")


def _json(value: object, *, indent: int | None = None) -> str:
    """The value with what would command a terminal, or cannot be encoded, written as \\u and its number."""
    text = json.dumps(value, ensure_ascii=not out.encoding.startswith("utf"), indent=indent)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
