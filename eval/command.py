"""The evaluation as a person runs it: read, check, ask, write, show. `rag eval` and `python -m eval` are this."""

import json
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from rich.console import Console
from rich.progress import Progress as ProgressBar

import rag
from eval import (
    calibrate,
    collection,
    dataset,
    difference,
    endure,
    export,
    fit,
    formats,
    judge,
    ours,
    page,
    ranking,
    ranking_page,
    report,
    scale,
    speed,
    suggest,
)
from eval import gate as gates
from eval.dataset import Question
from eval.difference import Comparison
from eval.journal import Journal, name_of
from eval.metrics import SEED
from eval.run import Progress, Run, run

QUESTIONS = Path(__file__).parent / "gold" / "questions.jsonl"
RESULTS = Path("eval/results")  # under the current folder, and ignored by git
_WRITTEN = 100  # questions of a language model, unless a number is named: a small one takes seconds for each

SplitChoice = Literal["dev", "test", "all"]

_Drawn = TypeVar("_Drawn")


def main(
    questions: Path = QUESTIONS,
    *,
    split: SplitChoice = "all",
    out: Path | None = None,
    home: Path | None = None,
    against: Path | None = None,
    gate: Path | None = None,
    sample: int | None = None,
    seed: int = SEED,
    console: Console | None = None,
) -> Path:
    """Ask the questions of a file, print the figures, and say where everything about the run was written.

    `home` is the index folder, else that of the settings. `out` is a folder for run.json, report.html and the rest, or
    a file *.json for the JSON alone; without it they are in evaluations/ of the index folder, and the JSON is also
    eval/results/<date>.json under the current folder. `against` is an earlier run to compare with. GateError when the
    run does not pass the `gate`. `sample` asks only so many of the questions, drawn with the `seed`, with which the
    intervals are drawn too. Killed and called again, it goes on where it was.
    """
    console = console or Console()
    limits = gates.read(gate) if gate else ()
    baseline = report.load(against) if against else None
    every = choose(formats.questions(questions), split)
    chosen = drawn(every, sample, seed)
    settings = settings_at(home)
    place = _place(out, settings)
    with closing(rag.Chatbot.open(settings)) as bot:
        chosen, moved = dataset.settle(chosen, bot.document)
        for line in moved:
            console.print(f"Found at another place than the file says: {line}", markup=False, soft_wrap=True)
        journal = Journal(place.with_name(f"{place.name}.unfinished"), name_of(chosen, bot.settings))
        if journal.records:
            console.print(f"Going on after {len(journal.records)} of {len(chosen)} questions.")
        with _bar() as advance:
            asked = run(
                bot,
                chosen,
                settings=bot.settings,
                seed=seed,
                drawn_from=len(every) if len(chosen) < len(every) else None,
                done=journal.records,
                keep=journal.keep,
                progress=advance,
            )
    results = asked.to_dict()
    compared = difference.compare(baseline, results) if baseline else None
    written = [save(results, None)] if out is None else []
    written.append(save(results, place))
    if out is None or out != place:
        _save_beside(place.parent, results, compared)
    journal.finish()
    show(results, compared, console)
    _tell_remarks(results, console)
    console.print(f"Every question and answer: {written[0]}", markup=False, soft_wrap=True)
    if out is None or out != place:
        console.print(f"To read in a browser: {place.parent / 'report.html'}", markup=False, soft_wrap=True)
    _hold(limits, results, compared, console)
    return written[0]


def _tell_remarks(results: dict[str, Any], console: Console) -> None:
    """What was remarked on answers, most often first."""
    told = (record["answer"].get("remark") for record in results["records"])
    if remarks := Counter(filter(None, told)):
        console.print(f"Remarks on {remarks.total()} answers, the most frequent first:")
        for remark, count in remarks.most_common(3):
            console.print(f"{count:6,} {remark}", markup=False, soft_wrap=True)


def compare(before: Path, now: Path, *, console: Console | None = None) -> None:
    """Print what changed between two runs: the figures, and the questions that were answered in another way and why."""
    console = console or Console()
    compared = difference.compare(report.load(before), report.load(now))
    console.print(report.comparison(compared), "")
    if not compared.differences:
        console.print("Every question of both was answered in the same way.")
        return
    console.print(report.differences(compared), "")
    for one in compared.differences:
        for line in report.told(one):
            console.print(line, soft_wrap=True)


def rank(
    folder: Path,
    *,
    split: str = "test",
    out: Path | None = None,
    home: Path | None = None,
    against: Path | None = None,
    sample: int | None = None,
    seed: int = SEED,
    console: Console | None = None,
) -> Path:
    """Ingest the passages of a BEIR folder, search for its queries, print the figures; where their JSON was written.

    `home` keeps the index, so that a second run ingests only what changed. `out` is a folder for run.json and
    report.html, or a file *.json; without it the JSON is eval/results/<date>.json. The others are as for `main`.
    """
    console = console or Console()
    baseline = report.load_ranking(against) if against else None
    beir = collection.read("beir", folder)
    every = len(beir.judgements(split))  # what there is nothing to ask of need not be ingested
    beir = beir.sampled(split, sample, seed) if sample else beir
    with _bars() as begin, ours.opened(home, progress=begin("Ingesting")) as system:
        ranked = ranking.run(system, beir, split, progress=begin("Searching"))
    settings = system.settings.model_dump(mode="json", exclude={"llm_key"})
    asked = ranking.results(beir, split, {ours.NAME: ranked}, seed=seed)
    results = asked | {"settings": settings, "drawn_from": every if len(ranked.scores) < every else None}
    in_folder = out is not None and out.suffix != ".json"
    written = save(results, out / "run.json" if out and in_folder else out)
    console.print(report.rankings(results), "")
    if baseline:
        console.print(report.ranking_comparison(results, baseline), "")
    for passage, reason in system.skipped[:1]:
        told = f"Not ingested: {len(system.skipped)} passages, the first {passage}: {reason}"
        console.print(told, markup=False, soft_wrap=True)
    console.print(f"Every query and ranking: {written}", markup=False, soft_wrap=True)
    if in_folder:
        export.write(ranking_page.page(results, baseline), written.with_name("report.html"))
        console.print(f"To read in a browser: {written.with_name('report.html')}", markup=False, soft_wrap=True)
    return written


def compare_peers(
    sets: Sequence[str],
    *,
    split: str = "test",
    only: Sequence[str] = (),
    cache: Path | None = None,
    homes: Path | None = None,
    out: Path | None = None,
    console: Console | None = None,
) -> None:
    """Print a table for each set, KIND=PATH, of what other libraries retrieve from it and ours; JSON where named.

    `sets` may name their own split, KIND=PATH@SPLIT; `only` names systems; `cache` is a file of vectors that runs may
    share, and `homes` a folder that keeps our index of each set. Copies of a passage are one, because whoever shows
    them once would else be scored by which of them it shows.
    """
    from eval import peers, vectors

    console = console or Console()
    read = [(collection.read(form, *paths).distinct(), own or split) for form, paths, own in map(_set, sets)]
    names = peers.chosen(only)
    told = []
    with vectors.Vectors.kept_in(cache) as embedder, _bars() as begin:
        for one, its_split in read:
            home = homes / one.name if homes else None
            ranked = peers.compare(one, its_split, names, embedder, home=home, progress=begin)
            told.append(ranking.results(one, its_split, ranked))
            console.print(report.markdown(told[-1]), markup=False, highlight=False, soft_wrap=True)
            if out:
                save({"packages": peers.packages(), "sets": told}, out)


def judge_run(
    run: Path,
    *,
    metrics: Sequence[str] = judge.USUAL,
    out: Path | None = None,
    sample: int | None = None,
    seed: int = SEED,
    console: Console | None = None,
) -> Path:
    """Let ragas judge the answers of a run, print its means, and say where they and every score were written.

    `out` is ragas.json beside the run unless named. See `eval.judge`.
    """
    console = console or Console()
    rows, told = _rows(run, sample, seed)
    with _bars() as begin:
        found = judge.judge(rows, metrics, settings_at(None), seed=seed, progress=begin("Judging"))
    written = save(found, out or (run if run.is_dir() else run.parent) / "ragas.json")
    console.print(report.judged(found, told), "")
    console.print(f"Every score: {written}", markup=False, soft_wrap=True)
    return written


def export_rows(run: Path, out: Path, *, sample: int | None = None, seed: int = SEED) -> int:
    """Write what ragas is to judge of a run as a file that its EvaluationDataset reads; how many rows."""
    rows, _ = _rows(run, sample, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    dataset.write(rows.values(), out)
    return len(rows)


def _rows(run: Path, sample: int | None, seed: int) -> tuple[dict[str, dataset.Entry], str]:
    """The rows of a run by question id, or a sample of them, and how many of what they are."""
    loaded = report.load(run)
    every = judge.rows(loaded)
    if not every:
        raise dataset.DatasetError(f"{run} has no question that the documents answer.")
    rows = dict(drawn([*every.items()], sample, seed))
    return rows, f"{len(rows)} of {len(every)} answerable questions, {loaded['date']}"


def suggest_questions(
    out: Path, *, home: Path | None = None, most: int | None = None, console: Console | None = None
) -> int:
    """Write the questions that the indexed documents suggest as a question set; how many. See `eval.suggest`.

    They are a language model's where the settings name one, 100 at most unless `most` is given; what it has written is
    kept whatever ends it.
    """
    settings = settings_at(home)
    with closing(rag.Chatbot.open(settings.model_copy(update={"llm": "none"}))) as bot:
        if settings.llm != "none":
            return _write_questions(bot, settings, out, most or _WRITTEN, console or Console())
        entries = suggest.suggest(map(bot.document, bot.documents()))[:most]
    _save_questions(entries, out)
    return len(entries)


def _write_questions(bot: rag.Chatbot, settings: rag.Settings, out: Path, most: int, console: Console) -> int:
    written = suggest.Written()
    try:
        with _bars() as begin:
            advance = begin("Questions written")
            suggest.write(bot.documents(), bot.document, settings, most=most, written=written, progress=advance)
    finally:
        if written.entries:
            _save_questions(written.entries, out)
            console.print(f"Kept: {out}", markup=False, soft_wrap=True)
        console.print(f"{settings.llm_model or settings.llm}: {written}", markup=False, highlight=False, soft_wrap=True)
    return len(written.entries)


def _save_questions(entries: Sequence[dataset.Entry], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    dataset.write(entries, out)


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


def calibrate_home(
    questions: Path, *, split: SplitChoice = "dev", home: Path | None = None, console: Console | None = None
) -> Path:
    """Fit how sure an answer must be to a file of questions, print how good it is, and say where it was written.

    See `eval.calibrate`. It is measured without RAG_MAX_WRONG, which what is written may be the first to keep.
    """
    console = console or Console()
    settings = settings_at(home).model_copy(update={"max_wrong": None})
    asked = _asked(choose(formats.questions(questions), split), settings)
    outcome = calibrate.calibrate(asked)
    path = calibrate.write(calibrate.to_dict(outcome, asked, settings), settings.home)
    console.print(calibrate.figures(outcome), "", calibrate.operating(outcome.chosen.points, len(asked)), "")
    told = "Nothing was better than what ships, which stays" if outcome.kept else f"Used from now on: {outcome.method}"
    console.print(f"{told}. Written: {path}", markup=False, soft_wrap=True)
    return path


def measure_thresholds(sets: Sequence[tuple[Path, Path]], out: Path, *, most: int = 150) -> None:
    """Write weights.json anew with what each threshold leads to on the dev questions of (questions, home) pairs."""
    found = {}
    for questions, home in sets:
        chosen = choose(dataset.read(questions), "dev")
        drawn = random.Random(13).sample(chosen, min(len(chosen), most))
        found[questions.parent.name] = _asked(drawn, settings_at(home).model_copy(update={"max_wrong": None}))
    out.write_text(json.dumps(calibrate.measured(found), indent=1) + "\n", encoding="utf-8")


def _asked(questions: Sequence[Question], settings: rag.Settings) -> list[calibrate.Asked]:
    with closing(rag.Chatbot.open(settings)) as bot:
        settled, _ = dataset.settle(questions, bot.document)
        every = bot.adjusted(passages=settings.passages, sentences=settings.sentences, threshold=0)
        with _bar() as advance:
            return calibrate.ask(every, settled, progress=advance)


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


def _set(named: str) -> tuple[str, list[Path], str]:
    """KIND, paths and split, if one is named, of KIND=PATH[+PATH][@SPLIT]."""
    form, _, rest = named.partition("=")
    paths, _, split = rest.rpartition("@") if "@" in Path(rest).name else (rest, "", "")
    if not (form and paths):
        raise dataset.DatasetError(f"{named!r} is not KIND=PATH, or KIND=PATH@SPLIT.")
    return form, [Path(path) for path in paths.split("+")], split


def choose(questions: Sequence[Question], split: SplitChoice) -> tuple[Question, ...]:
    """The questions of a split; DatasetError when there are none."""
    chosen = tuple(question for question in questions if split in ("all", question.split))
    if not chosen:
        raise dataset.DatasetError(f"There are no questions of split {split}.")
    return chosen


def drawn(questions: Sequence[_Drawn], sample: int | None, seed: int) -> tuple[_Drawn, ...]:
    """So many of the questions at random, the same for a seed, in their order; all where there are no more."""
    if sample is None or sample >= len(questions):
        return tuple(questions)
    places = sorted(random.Random(seed).sample(range(len(questions)), sample))
    return tuple(questions[place] for place in places)


def settings_at(home: Path | None) -> rag.Settings:
    """The settings in force, with the index at `home` where one is named."""
    return rag.Settings(home=home) if home else rag.Settings()


def save(results: dict[str, Any], out: Path | None) -> Path:
    """Write the results as JSON; where."""
    out = out or RESULTS / f"{results['date'].replace(':', '')}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    export.write(json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False) + "\n", out)
    return out


def show(results: Run, compared: Comparison | None, console: Console) -> None:
    """Print the tables."""
    tables = [report.overall(results), report.by_kind(results), report.by_type(results)]
    if compared:
        tables.append(report.comparison(compared))
    for table in tables:
        console.print(table, "")


def _place(out: Path | None, settings: rag.Settings) -> Path:
    """The file that the JSON of a run is written to."""
    if out is None:
        return settings.home / "evaluations" / "run.json"
    return out if out.suffix == ".json" else out / "run.json"


def _save_beside(folder: Path, results: Run, compared: Comparison | None) -> None:
    """Write what is made from the JSON of a run."""
    export.write(page.page(results, compared), folder / "report.html")
    export.write(export.answers(results), folder / "answers.csv")
    export.write(export.trec_run(results), folder / "ranking.trec")
    export.write(export.trec_qrels(results), folder / "qrels.trec")


def _hold(limits: Sequence[gates.Limit], results: Run, compared: Comparison | None, console: Console) -> None:
    """Say that a run passes the gate, if there is one; GateError, after the lines that it breaks, when it does not."""
    if not limits:
        return
    lines = gates.broken(limits, results, compared.changes if compared else ())
    for line in lines:
        console.print(f"Gate: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
    if lines:
        raise gates.GateError(f"The gate is not passed: {len(lines)} of its lines are broken, named above.")
    console.print(f"The gate is passed: {len(limits)} figures are as they should be.")


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on stderr, gone when done, so that stdout holds the figures alone."""
    with _bars() as begin:
        yield begin("Asking")


@contextmanager
def _bars() -> Iterator[Callable[[str], Progress]]:
    """As `_bar`, a bar for each thing that is begun."""
    with ProgressBar(console=Console(stderr=True), transient=True) as bars:

        def begin(what: str) -> Progress:
            task = bars.add_task(what, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield begin
