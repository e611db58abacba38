"""The evaluation as a person runs it: read, check, ask, write, show. `rag eval` and `python -m eval` are this."""

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import Progress as ProgressBar

import rag
from eval import dataset, endure, fit, report, scale, speed
from eval.dataset import Question
from eval.run import Progress, run

QUESTIONS = Path(__file__).parent / "gold" / "questions.jsonl"
RESULTS = Path("eval/results")  # under the current folder, and ignored by git

SplitChoice = Literal["dev", "test", "all"]


def main(
    questions: Path = QUESTIONS,
    *,
    split: SplitChoice = "all",
    out: Path | None = None,
    home: Path | None = None,
    against: Path | None = None,
    console: Console | None = None,
) -> Path:
    """Ask the questions of a file, print the figures, and say where their JSON was written.

    `home` is the index folder, else that of the settings; `out` is eval/results/<date>.json under the current folder
    when not given; `against` is the JSON of an earlier run to compare with.
    """
    console = console or Console()
    baseline = report.load(against) if against else None
    chosen = choose(dataset.read(questions), split)
    settings = settings_at(home)
    with closing(rag.Chatbot.open(settings)) as bot, _bar() as advance:
        dataset.check(chosen, bot.document)
        results = run(bot, chosen, settings=settings, progress=advance).to_dict()
    written = save(results, out)
    show(results, baseline, console)
    console.print(f"Every question and answer: {written}", markup=False, soft_wrap=True)
    return written


def anchor(questions: Path, *, home: Path | None = None) -> int:
    """Give every gold quote of a file its place in the indexed documents; how many questions were changed.

    All or nothing: the file is as it was when a quote has no place, or several. DatasetError tells of both.
    """
    before = dataset.entries(questions)
    with closing(rag.Chatbot.open(settings_at(home))) as bot:
        after = dataset.anchor(before, bot.document)
    dataset.write(after, questions)
    dataset.read(questions)  # what else is wrong with the file is best told now
    return sum(new != old for new, old in zip(after, before, strict=True))


def anchor_or_drop(questions: Path, *, home: Path | None = None) -> tuple[int, list[str]]:
    """As `anchor`, but a question without its place is left out of the file: how many stay, and why others do not."""
    with closing(rag.Chatbot.open(settings_at(home))) as bot:
        kept, faults = dataset.place(dataset.entries(questions), bot.document)
    dataset.write(kept, questions)
    return len(dataset.read(questions)), faults


def fit_weights(sets: Sequence[tuple[Path, Path]], out: Path) -> None:
    """Fit the weights of the answering stage on (questions, home) pairs and write them; see `eval.fit`."""
    weighings = {}
    for questions, home in sets:
        with _bar() as advance:
            weighings[questions.parent.name] = fit.weigh(questions, home, progress=advance)
    out.write_text(json.dumps(fit.fit(weighings), indent=1) + "\n", encoding="utf-8")


def measure_speed(folder: Path, rounds: int, console: Console) -> None:
    """Print, round by round, the chunks per second of an ingest and of the bare embedder, and the median ratio."""
    ratios = []
    for taken in speed.measure(folder, rounds=rounds):
        ratios.append(taken.ratio)
        console.print(
            f"{taken.chunks} chunks: ingest {taken.chunks / taken.ingesting:.1f}/s,"
            f" bare encode {taken.chunks / taken.encoding:.1f}/s, ratio {taken.ratio:.2f}"
        )
    console.print(f"median ratio {statistics.median(ratios):.2f}")


def measure_scale(files: int, console: Console) -> None:
    """Print each figure of an index of so many files."""
    for what, number, unit in scale.measure(files):
        console.print(f"{what}: {number:.4g} {unit}", markup=False, soft_wrap=True)


def endure_all(kills: int, damage: int, console: Console) -> None:
    """Print what killed ingests and damaged files led to."""
    for title, counts in (("Kills", endure.kills(kills)), ("Damage", endure.damages(damage))):
        with _bar() as advance:
            last: endure.Told = Counter()
            for done, told in enumerate(counts, 1):
                advance(told["killed"] or done, kills if title == "Kills" else 2 * damage)
                last = told
        console.print(title)
        for what, number in last.items():
            console.print(f"  {what}: {number}", markup=False, soft_wrap=True)


def choose(questions: Sequence[Question], split: SplitChoice) -> tuple[Question, ...]:
    """The questions of a split; DatasetError when there are none."""
    chosen = tuple(question for question in questions if split in ("all", question.split))
    if not chosen:
        raise dataset.DatasetError(f"There are no questions of split {split}.")
    return chosen


def settings_at(home: Path | None) -> rag.Settings:
    """The settings in force, with the index at `home` where one is named."""
    return rag.Settings(home=home) if home else rag.Settings()


def save(results: dict[str, Any], out: Path | None) -> Path:
    """Write the results as JSON; where."""
    out = out or RESULTS / f"{results['date'].replace(':', '')}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return out


def show(results: report.Run, baseline: report.Run | None, console: Console) -> None:
    """Print the tables."""
    tables = [report.overall(results), report.by_kind(results)]
    if baseline:
        tables.append(report.comparison(results, baseline))
    for table in tables:
        console.print(table, "")


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on stderr, gone when done, so that stdout holds the figures alone."""
    with ProgressBar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Asking", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
