"""`python -m eval`: the evaluation, and `python -m eval anchor` for a question set in the making."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import eval
import rag
from eval.judge import METRICS, USUAL

Home = Annotated[Path | None, typer.Option(help="Index folder; that of the settings when not given.")]
Out = Annotated[Path | None, typer.Option(help="Folder or JSON to write; eval/results/DATE.json when not given.")]
Against = Annotated[Path | None, typer.Option(help="JSON of an earlier run to compare with.")]
Sample = Annotated[int | None, typer.Option(min=1, help="Ask only so many, drawn at random; all when not given.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the sample and of the intervals.")]
Split = Annotated[str, typer.Option(help="Which judged queries: a split that the set has, or all.")]

_SETS = (
    "beir=FOLDER, squad2=FILE, clapnq=FOLDER[+CORPUS], mtrag=retrieval_tasks/DOMAIN, multihop=FOLDER, chroma=FOLDER."
)

app = typer.Typer(add_completion=False, help="Measure the answers on a set of questions.")


@app.command()
def run(
    questions: Annotated[Path, typer.Argument(help="JSON-lines file of questions.")] = eval.QUESTIONS,
    split: Annotated[eval.SplitChoice, typer.Option(help="Which questions to ask.")] = "all",
    out: Out = None,
    home: Home = None,
    against: Against = None,
    gate: Annotated[Path | None, typer.Option(help="TOML file of the figures to reach.")] = None,
    sample: Sample = None,
    seed: Seed = eval.SEED,
) -> None:
    """Ask the questions, print the figures, write every answer. The default: `run` may be left out."""
    eval.main(questions, split=split, out=out, home=home, against=against, gate=gate, sample=sample, seed=seed)


@app.command()
def crowd(
    address: Annotated[str, typer.Argument(help="Where `rag serve` listens.")] = "http://127.0.0.1:7860",
    questions: Annotated[Path, typer.Option(help="JSON-lines file of questions.")] = eval.QUESTIONS,
    people: Annotated[int, typer.Option(min=1, help="How many ask at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="For how long.")] = 120,
) -> None:
    """Let many people ask a page that is being served, and say how long they wait and what goes wrong."""
    from eval.crowd import visit
    from eval.dataset import read

    asked = [question.question for question in read(questions) if not question.history]
    for line in visit(address, asked, people=people, seconds=seconds).lines():
        typer.echo(line)


@app.command()
def rank(
    folder: Annotated[Path, typer.Argument(help="corpus.jsonl, queries.jsonl and qrels/ as BEIR has them.")],
    split: Split = "test",
    out: Out = None,
    home: Annotated[Path | None, typer.Option(help="Index folder to keep; thrown away when not given.")] = None,
    against: Against = None,
    sample: Sample = None,
    seed: Seed = eval.SEED,
) -> None:
    """Search a BEIR collection, print the figures, write every ranking: `rag eval --beir`."""
    eval.rank(folder, split=split, out=out, home=home, against=against, sample=sample, seed=seed)


@app.command()
def peers(
    sets: Annotated[list[str], typer.Argument(metavar="KIND=PATH[@SPLIT]...", help=_SETS)],
    split: Split = "test",
    only: Annotated[str, typer.Option(help="Systems by name, with commas between; all by default.")] = "",
    cache: Annotated[Path | None, typer.Option(help="SQLite file that keeps every vector.")] = None,
    homes: Annotated[Path | None, typer.Option(help="Folder that keeps our index of each set.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
) -> None:
    """Compare what other libraries retrieve by default with ours, on the same passages, queries and vectors.

    Needs what `pip install -e .[peers]` installs.
    """
    names = [name for name in only.split(",") if name]
    eval.compare_peers(sets, split=split, only=names, cache=cache, homes=homes, out=out)


@app.command()
def anchor(
    questions: Annotated[Path, typer.Argument(help="JSON-lines file to write again.")],
    home: Home = None,
    drop: Annotated[bool, typer.Option("--drop", help="Leave out questions whose quote has no place.")] = False,
) -> None:
    """Find each gold quote in the documents and write its start and end into the file."""
    if drop:
        kept, faults = eval.anchor_or_drop(questions, home=home)
        told = f"questions kept: {kept}; left out: {len(faults)}"
    else:
        told = f"questions changed: {eval.anchor(questions, home=home)}"
    Console().print(f"{questions}: {told}", markup=False, soft_wrap=True)


@app.command()
def convert(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help=f"One of {', '.join(eval.FORMATS)}.")],
    source: Annotated[
        Path, typer.Argument(help="The set's own file, also gzip-ed; of qamr, multihop and chroma, its folder.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where documents/ and questions.jsonl go; what is there stays.")],
) -> None:
    """Make a public question set into a folder of documents and a question set."""
    count = eval.convert(form, source, folder)
    Console().print(f"{folder / 'questions.jsonl'}: questions added: {count}", markup=False, soft_wrap=True)


@app.command()
def gather(
    folders: Annotated[list[Path], typer.Argument(help="Sets as `convert` writes them; one named twice counts twice.")],
    out: Annotated[Path, typer.Option(help="File to write, .json.gz.")],
    hard: Annotated[int, typer.Option(min=0, help="Passages that do not answer, for each question at most.")] = 4,
    false: Annotated[
        float, typer.Option(min=0, max=1, help="Share of questions to come again with another name.")
    ] = 0.12,
) -> None:
    """Gather the dev halves of question sets into the file that the reader is trained from."""
    from eval import training_set

    for name, count in training_set.gather(folders, out, hard=hard, false=false).items():
        Console().print(f"{name}: questions: {count}", markup=False, soft_wrap=True)


@app.command()
def fit(
    sets: Annotated[list[str], typer.Argument(metavar="QUESTIONS@HOME...", help="Question files with their indexes.")],
    out: Annotated[Path, typer.Option(help="JSON to write; put it in place of rag/answer/weights.json to use it.")],
) -> None:
    """Fit the weights of sentences and of declining on the dev halves of question sets."""
    eval.fit_weights(
        [(Path(questions), Path(home)) for questions, _, home in (name.partition("@") for name in sets)], out
    )
    Console().print(f"Written: {out}", markup=False, soft_wrap=True)


@app.command()
def thresholds(
    sets: Annotated[list[str], typer.Argument(metavar="QUESTIONS@HOME...", help="Question files with their indexes.")],
    out: Annotated[Path, typer.Option(help="JSON to write; put it in place of rag/answer/weights.json to use it.")],
) -> None:
    """Measure how often answers from each threshold on are wrong, on the dev halves of question sets."""
    eval.measure_thresholds(
        [(Path(questions), Path(home)) for questions, _, home in (name.partition("@") for name in sets)], out
    )
    Console().print(f"Written: {out}", markup=False, soft_wrap=True)


@app.command()
def speed(
    folder: Annotated[Path, typer.Argument(help="Folder to ingest; its index is thrown away.")],
    rounds: Annotated[int, typer.Option(min=1, help="How often; the median is printed last.")] = 3,
) -> None:
    """Measure the ingest of a folder against the bare embedder on the same chunks."""
    eval.measure_speed(folder, rounds, Console())


@app.command()
def scale(
    files: Annotated[int, typer.Option(min=100, help="How many files to make and ingest.")] = 10_000,
) -> None:
    """Measure what an index of many small files costs, and how it answers during an ingest."""
    eval.measure_scale(files, Console())


@app.command()
def curve(
    sizes: Annotated[str, typer.Option(help="How many chunks, with commas between.")] = "10000,100000",
    out: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
    picture: Annotated[Path | None, typer.Option(help="SVG to draw; needs matplotlib.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Folder to keep the indexes in; else they are thrown away.")] = None,
) -> None:
    """Measure how retrieval grows with the corpus: latency by stage, recall, memory, disk and build time."""
    eval.print_curve([int(size) for size in sizes.split(",")], out, Console(), picture=picture, keep=keep)


@app.command()
def endure(
    kills: Annotated[int, typer.Option(min=0, help="How many ingests to kill.")] = 200,
    damage: Annotated[int, typer.Option(min=0, help="How often to damage a derived file, and the catalog.")] = 100,
) -> None:
    """Kill ingests at random moments and damage files of an index; count what goes wrong."""
    eval.endure_all(kills, damage, Console())


@app.command()
def read(
    folder: Annotated[Path, typer.Argument(help="Files with MANIFEST.jsonl, or html/ with ground-truth.json.")],
    same: Annotated[
        list[str] | None, typer.Option(help="Pattern in the folder of files that hold one text; may be repeated.")
    ] = None,
) -> None:
    """Measure how much of the known text of files the loaders find, format by format."""
    eval.print_reading(folder, same or (), Console())


@app.command()
def hostile(
    folder: Annotated[Path, typer.Argument(help="Broken and malicious files.")],
) -> None:
    """Read every file of a folder under the limits of an ingest; exit status 1 where one had to be held back."""
    from eval.hostile import print_hostile

    if not print_hostile(folder, Console()):
        raise typer.Exit(1)


@app.command()
def chunking(
    folder: Annotated[Path, typer.Argument(help="Folder of Chroma's chunking evaluation.")],
    split: Annotated[eval.SplitChoice, typer.Option(help="dev: all but finance and pubmed; test: these.")] = "dev",
) -> None:
    """Measure ways of cutting text by how much gold they find in as many tokens."""
    eval.print_chunking(folder, split, Console())


@app.command()
def ragas(
    run: Annotated[Path, typer.Argument(help="A run: its folder or JSON.")],
    metrics: Annotated[str, typer.Option(help=f"With commas between, of {', '.join(METRICS)}.")] = ",".join(USUAL),
    export: Annotated[
        Path | None, typer.Option(help="JSONL file to write for ragas elsewhere; nothing is judged.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON to write; ragas.json beside the run when not given.")] = None,
    sample: Sample = None,
    seed: Seed = eval.SEED,
) -> None:
    """Let the language model of RAG_LLM judge a run's answers by the metrics of ragas, which is to be installed."""
    if export:
        count = eval.export_rows(run, export, sample=sample, seed=seed)
        Console().print(f"{export}: rows: {count}", markup=False, soft_wrap=True)
        return
    eval.judge_run(run, metrics=metrics.split(","), out=out, sample=sample, seed=seed)


@app.command()
def attacks() -> None:
    """Ask beside poisoned documents and print how many attacks succeed; exit status 1 where one does."""
    from eval.attacks import run as ask_all

    ask_all(Console())


@app.command()
def claims(
    path: Annotated[Path | None, typer.Argument(help="JSON-lines file of pairs; the corpus's own by default.")] = None,
    split: Annotated[eval.SplitChoice, typer.Option(help="dev is for choosing settings, test for reporting.")] = "all",
    make: Annotated[bool, typer.Option("--make", help="Make the file anew from the index first.")] = False,
    home: Home = None,
) -> None:
    """Put true and false claims to passages; print what the verifier finds and what it mistakes, kind by kind."""
    from eval import claims as pairs

    path = path or pairs.CLAIMS
    if make:
        pairs.make_from(home, path)
    for line in pairs.lines(*pairs.measure_file(path, split)):
        typer.echo(line)


def main(arguments: list[str]) -> None:
    """Run the command, `run` when none is named; exit status 1 and the reason on stderr when it cannot."""
    named = bool({"--help", *typer.main.get_group(app).commands}.intersection(arguments[:1]))
    try:
        app(arguments if named else ["run", *arguments], prog_name="python -m eval")
    except rag.RagError as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
