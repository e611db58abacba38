"""How retrieval grows with the corpus: latency by stage, with and without a filter, recall, memory, disk, build time.

    python -m eval curve --sizes 10000,100000,1000000 --out curve.json --picture docs/scale.svg

The catalog is filled with a synthetic corpus (`eval.synthetic`); Chroma and Tantivy are built from it as after any
ingest. Each size is then searched by a process of its own, all of them in turns, so that a busy moment hits all alike.
Questions come with their vectors: what a model takes to encode one is the same at any size.
"""

import json
import multiprocessing
import platform
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import rag
from eval import synthetic
from eval.speed import seconds
from rag.index.catalog import Catalog, Chunk, NewChunk
from rag.index.store import Store
from rag.index.writing import finish, writing
from rag.retrieve import retrieve
from rag.schema import SourceDocument

SCOPES = {
    "everything": rag.Scope(),
    "1 % by folder": rag.Scope(paths=("07",)),
    "1 % by type": rag.Scope(types=(synthetic.RARE,)),
    "1 % by date": rag.Scope(after="2019-07", before="2019-07"),
}
_QUESTIONS = 200
_TURN = 20  # questions to one size before it is another's turn
_DEPTH = 10  # of the ranking that is compared with the exact one
_AT_ONCE = 20_000  # chunks whose vectors are held in memory while the exact ranking is made
_SPAWN = multiprocessing.get_context("spawn")

_Result = TypeVar("_Result")
Took = Sequence[float]  # seconds on the clock, and of processors


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its vector of shape (dim,)."""

    text: str
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Built:
    """What each part of an index took to build, and to bring up to one changed document."""

    build: Mapping[str, Took]
    change: Mapping[str, Took]


@dataclass(slots=True)
class Measured:
    """All that is known of one size; seconds of each question by scope and stage, bytes, recall by scope."""

    chunks: int
    documents: int
    build: Mapping[str, Took]
    change: Mapping[str, Took]
    disk: Mapping[str, int]
    opening: float = float("nan")  # opening and the first question, in a process that has just started
    memory: int = 0  # bytes, at most; 0 where the system does not tell
    recall: dict[str, float] = field(default_factory=dict)
    stages: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def at(self, scope: str, stage: str, percentile: float) -> float:
        """Seconds of a stage, at a percentile of the questions."""
        return float(np.percentile(self.stages[scope][stage], percentile))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, the seconds as percentiles."""
        told = {
            scope: {stage: {f"p{p}": self.at(scope, stage, p) for p in (50, 95)} for stage in stages}
            for scope, stages in self.stages.items()
        }
        return {**{each.name: getattr(self, each.name) for each in fields(self)}, "stages": told}


class _Clock:
    """Adds up the seconds of named stages; one within another is not counted twice."""

    def __init__(self) -> None:
        self.taken: defaultdict[str, float] = defaultdict(float)
        self.worked: defaultdict[str, float] = defaultdict(float)  # of processors: other programs do not lengthen it
        self._running = False

    def time(self, stage: str, work: Callable[[], _Result]) -> _Result:
        """What the work gives, its time noted."""
        if self._running:
            return work()
        self._running, begin, idle = True, time.perf_counter(), time.process_time()
        try:
            return work()
        finally:
            self._running = False
            self.taken[stage] += time.perf_counter() - begin
            self.worked[stage] += time.process_time() - idle

    def told(self) -> dict[str, Took]:
        """Both, by stage."""
        return {stage: (second, self.worked[stage]) for stage, second in self.taken.items()}


class _TimedCatalog(Catalog):
    clock: _Clock

    def numbers(self, scope: rag.Scope) -> frozenset[str]:
        return self.clock.time("filter", lambda: super(_TimedCatalog, self).numbers(scope))


class _TimedStore(Store):
    """A store that notes how long its parts take."""

    clock: _Clock

    def nearest(self, vector: NDArray[np.float32], k: int, within: Set[str] | None = None) -> list[str]:
        return self.clock.time("Chroma", lambda: super(_TimedStore, self).nearest(vector, k, within))

    def matching(self, texts: Mapping[str, float], k: int, within: Set[str] | None = None) -> list[tuple[str, float]]:
        return self.clock.time("Tantivy", lambda: super(_TimedStore, self).matching(texts, k, within))

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        return self.clock.time("catalog", lambda: super(_TimedStore, self).chunks(ids))

    def _bring_dense(self, folder: Path, since: int) -> int:
        return self.clock.time("Chroma", lambda: super(_TimedStore, self)._bring_dense(folder, since))

    def _bring_lexical(self, folder: Path, since: int) -> int:
        return self.clock.time("Tantivy", lambda: super(_TimedStore, self)._bring_lexical(folder, since))


def print_curve(
    sizes: Sequence[int],
    out: Path | None,
    console: Console,
    *,
    picture: Path | None = None,
    keep: Path | None = None,
    questions: int = _QUESTIONS,
) -> None:
    """Measure these sizes and print a table; the figures as JSON and a picture where a path is given.

    Indexes are built in `keep` and found there the next time; without it they are thrown away.
    """
    with TemporaryDirectory() as place:
        measured = measure(sizes, keep or Path(place), questions, tell=console.print)
    for table in _tables(measured):
        console.print(table, "")
    if out:
        facts = {"machine": f"{platform.machine()}, {multiprocessing.cpu_count()} cores", "questions": questions}
        told = {**facts, "sizes": [size.to_dict() for size in measured]}
        out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if picture:
        draw(measured, picture)


def measure(sizes: Sequence[int], folder: Path, questions: int, *, tell: Callable[[str], object]) -> list[Measured]:
    """Build what is not there yet, and ask each size the questions that were made for it."""
    measured, asked, exact = [], [], []
    for size in sizes:
        tell(f"{size} chunks: building")
        settings = rag.Settings(home=folder / str(size))
        built = build(settings, size)
        asked.append(ask_for(settings, questions))
        tell(f"{size} chunks: ranking all vectors")
        exact.append(rank_exactly(settings, asked[-1]))
        with _catalog(settings) as catalog:
            documents, chunks = catalog.count()
        measured.append(Measured(chunks, documents, built.build, built.change, _disk(settings.home)))
        tell(f"{size} chunks: opening")
        measured[-1].opening, measured[-1].memory = _fresh(settings.home, asked[-1])
    tell("asking")
    _ask_all([folder / str(size) for size in sizes], measured, asked, exact)
    return measured


def build(settings: rag.Settings, chunks: int) -> Built:
    """Fill an index with synthetic documents and change one of them; how long it took, also when it was before."""
    record = settings.home / "built.json"
    if record.exists():
        return Built(**json.loads(record.read_text(encoding="utf-8")))
    clock = _Clock()
    clock.time("catalog", lambda: _fill(settings, synthetic.documents(chunks)))
    built = Built({**clock.told(), **_finished(settings)}, {})
    alike = next(made for made in synthetic.documents(chunks) if len(made.places) == 1)
    _fill(settings, (replace(made, document_id=alike.document_id) for made in synthetic.documents(1, seed=8)))
    built = Built(built.build, _finished(settings))
    record.write_text(json.dumps(asdict(built)), encoding="utf-8")
    return built


def ask_for(settings: rag.Settings, count: int, *, seed: int = 11) -> list[Asked]:
    """Questions made for chunks drawn at random."""
    draw = random.Random(seed)
    with _catalog(settings) as catalog:
        numbers = [draw.randint(1, catalog.highest) for _ in range(2 * count)]
        found = catalog.chunks(list(dict.fromkeys(f"{number}-0" for number in numbers)))[:count]
    return [Asked(*synthetic.question(chunk.text, chunk.vector, draw)) for chunk in found]


def rank_exactly(settings: rag.Settings, asked: Sequence[Asked]) -> dict[str, list[list[str]]]:
    """By scope, the ids of the chunks nearest to each question by cosine."""
    with _catalog(settings) as catalog:
        return {
            name: _nearest(catalog, np.stack([one.vector for one in asked]), catalog.numbers(scope))
            for name, scope in SCOPES.items()
        }


def _nearest(catalog: Catalog, questions: NDArray[np.float32], numbers: Set[str]) -> list[list[str]]:
    best: list[list[tuple[float, str]]] = [[] for _ in questions]
    for ids, vectors in catalog.vectors(numbers, _AT_ONCE):
        for at, cosines in enumerate(questions @ vectors.T):
            top = np.argpartition(-cosines, min(_DEPTH, len(ids) - 1))[:_DEPTH]
            found = [(float(cosines[place]), ids[place]) for place in top]
            best[at] = sorted([*best[at], *found], reverse=True)[:_DEPTH]
    return [[id_ for _, id_ in found] for found in best]


def _fill(settings: rag.Settings, documents: Iterator[synthetic.Made]) -> None:
    with writing(settings) as store:
        root = store.catalog.root(Path("/synthetic"), whole=True)
        for made in documents:
            document = SourceDocument(made.document_id, made.title, made.date, made.text, ())
            chunks = [NewChunk(*place, "", vector) for place, vector in zip(made.places, made.vectors, strict=True)]
            store.catalog.put(document, chunks, root=root, sha256=made.document_id)


def _finished(settings: rag.Settings) -> dict[str, Took]:
    """What bringing the derived indexes up took; `files` is all but the libraries: copying, hashing, putting in use."""
    with writing(settings) as store:
        timed, around = _TimedStore(store.home, store.catalog), _Clock()
        timed.clock = _Clock()
        around.time("files", lambda: finish(timed, settings))
        inside, (whole, worked) = timed.clock, around.told()["files"]
        rest = whole - sum(inside.taken.values()), worked - sum(inside.worked.values())
        return {**inside.told(), "files": rest}


def _disk(home: Path) -> dict[str, int]:
    """Bytes of each part of an index."""
    parts = {"catalog": "catalog.db*", "Chroma": "chroma/**/*", "Tantivy": "lexical/**/*"}
    return {
        part: sum(path.stat().st_size for path in home.glob(pattern) if path.is_file())
        for part, pattern in parts.items()
    }


@contextmanager
def _catalog(settings: rag.Settings) -> Iterator[Catalog]:
    catalog = Catalog.open(settings.home / "catalog.db")
    try:
        yield catalog
    finally:
        catalog.close()


# Asking


def _ask_all(
    homes: Sequence[Path],
    measured: Sequence[Measured],
    asked: Sequence[Sequence[Asked]],
    exact: Sequence[Mapping[str, list[list[str]]]],
) -> None:
    """Ask every size in turns, each in a process that does nothing else, and note what that took."""
    ends = [_answerer(home, list(questions)) for home, questions in zip(homes, asked, strict=True)]
    for end, size in zip(ends, measured, strict=True):
        end.recv()
        size.stages = {scope: defaultdict(list) for scope in SCOPES}
    found: list[dict[str, list[list[str]]]] = [{scope: [] for scope in SCOPES} for _ in homes]
    for begin in range(0, max(map(len, asked)), _TURN):
        for scope in SCOPES:
            for end, size, ids in zip(ends, measured, found, strict=True):
                end.send((scope, begin, begin + _TURN))
                taken, nearest = end.recv()
                ids[scope] += nearest
                for stage, second in taken:
                    size.stages[scope][stage].append(second)
    for end, size, ids, right in zip(ends, measured, found, exact, strict=True):
        end.send(None)
        size.recall = {scope: recall(ids[scope], right[scope]) for scope in SCOPES}


def recall(found: Sequence[Sequence[str]], exact: Sequence[Sequence[str]]) -> float:
    """The share of the exact rankings' ids that were found, mean over the questions that have any; 1 if none has."""
    shares = [len({*some} & {*all_}) / len(all_) for some, all_ in zip(found, exact, strict=True) if all_]
    return float(np.mean(shares)) if shares else 1.0


def _answerer(home: Path, asked: list[Asked]) -> Connection:
    here, there = _SPAWN.Pipe()
    _SPAWN.Process(target=_answer, args=(home, asked, there), daemon=True).start()
    return here


def _answer(home: Path, asked: list[Asked], end: Connection) -> None:
    """Open the index and answer what is asked through the pipe, until nothing is."""
    settings, store = rag.Settings(home=home), _opened(home)
    for one in asked[:_TURN]:
        _retrieve(store, one, settings, rag.Scope())
    end.send("warm")
    while order := end.recv():
        scope, first, last = order
        end.send(_answered(store, asked[first:last], settings, SCOPES[scope]))
    store.close()


def _opened(home: Path) -> _TimedStore:
    catalog = _TimedCatalog(home / "catalog.db")
    store = _TimedStore(home, catalog)
    catalog.clock = store.clock = _Clock()
    return store


def _answered(
    store: _TimedStore, asked: Sequence[Asked], settings: rag.Settings, scope: rag.Scope
) -> tuple[list[tuple[str, float]], list[list[str]]]:
    """(stage, seconds) of every question, and the ids that the search of vectors finds.

    The first of a turn is told apart too: the last turn had another filter, and what a filter keeps is remembered.
    """
    taken = []
    for place, one in enumerate(asked):
        store.clock.taken.clear()
        whole = seconds(lambda one=one: _retrieve(store, one, settings, scope))  # type: ignore[misc]  # of the default
        stages = dict(store.clock.taken)
        taken += [*stages.items(), ("fusion", whole - sum(stages.values())), ("whole", whole)]
        taken += [("first of a turn", whole)] * (place == 0)
    within = store.catalog.numbers(scope) if scope else None
    return taken, [store.nearest(one.vector, settings.candidates, within)[:_DEPTH] for one in asked]


def _retrieve(store: Store, asked: Asked, settings: rag.Settings, scope: rag.Scope) -> None:
    retrieve(store, lambda _: asked.vector[None], asked.text, settings, scope)


def _fresh(home: Path, asked: Sequence[Asked]) -> tuple[float, int]:
    """Seconds of opening and the first question, and the most bytes ever held, of a process that does nothing else."""
    told = "".join(json.dumps([one.text, one.vector.tolist()]) + "\n" for one in asked)
    command = [sys.executable, "-c", _PROGRAM, str(home)]
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=True)
    first, memory = done.stdout.split()
    return float(first), int(memory)


# it imports nothing of eval/, whose libraries would count as memory; mapped files do count; 0 where no system tells
_PROGRAM = """
import json, sys, time
from pathlib import Path
import numpy as np
from rag import Settings
from rag.index.catalog import Catalog
from rag.index.store import Store
from rag.retrieve import retrieve

settings = Settings(home=Path(sys.argv[1]))
asked = [(text, np.array([vector], dtype=np.float32)) for text, vector in map(json.loads, sys.stdin)]
begin = time.perf_counter()
store = Store(settings.home, Catalog.open(settings.home / "catalog.db"))
for number, (text, vector) in enumerate(asked):
    retrieve(store, lambda _: vector, text, settings)
    if number == 0:
        first = time.perf_counter() - begin
status = Path("/proc/self/status")
lines = dict(line.split(":", 1) for line in status.read_text().splitlines()) if status.exists() else {}
print(first, int(lines.get("VmHWM", "0 kB").split()[0]) * 1024)
store.close()
"""


# Showing


def _tables(measured: Sequence[Measured]) -> Iterator[Table]:
    """Latency in ms, and what an index costs."""
    latency = Table("p50 / p95, ms", *(f"{size.chunks:,}" for size in measured))
    for scope in SCOPES:
        for stage in measured[0].stages[scope]:
            cells = (
                f"{1e3 * size.at(scope, stage, 50):.1f} / {1e3 * size.at(scope, stage, 95):.1f}" for size in measured
            )
            latency.add_row(f"{scope}: {stage}", *cells)
    yield latency
    costs = Table("", *(f"{size.chunks:,}" for size in measured))
    for what, told in _costs(measured):
        costs.add_row(what, *told)
    yield costs


def _costs(measured: Sequence[Measured]) -> Iterator[tuple[str, list[str]]]:
    for scope in SCOPES:
        yield f"recall@{_DEPTH}, {scope}", [f"{size.recall[scope]:.3f}" for size in measured]
    yield "opening and first question, s", [f"{size.opening:.2f}" for size in measured]
    yield "most memory, MB", [f"{size.memory / 1e6:.0f}" for size in measured]
    for part in measured[0].disk:
        yield f"disk, {part}, MB", [f"{size.disk[part] / 1e6:.0f}" for size in measured]
    for part in measured[0].build:
        yield f"build, {part}, s (of processors)", [_took(size.build[part]) for size in measured]
    for part in measured[0].change:
        yield f"one changed document, {part}, s (of processors)", [_took(size.change[part]) for size in measured]


def _took(took: Took) -> str:
    return "{:.1f} ({:.1f})".format(*took)


def draw(measured: Sequence[Measured], path: Path) -> None:
    """The curve as a picture: p95 of the stages, and of the whole with and without filters. Needs matplotlib."""
    try:
        import matplotlib
    except ImportError as error:
        raise rag.RagError("The picture needs matplotlib. Install it: pip install -e '.[report]'") from error
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "curve"  # else every drawing has other ids
    from matplotlib import pyplot

    sizes = [size.chunks for size in measured]
    figure, (stages, scopes) = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for stage in measured[0].stages["everything"]:
        stages.plot(sizes, [1e3 * size.at("everything", stage, 95) for size in measured], marker="o", label=stage)
    for scope in SCOPES:
        scopes.plot(sizes, [1e3 * size.at(scope, "whole", 95) for size in measured], marker="o", label=scope)
    for axes, title in ((stages, "by stage"), (scopes, "with a filter")):
        axes.set(xscale="log", xlabel="chunks", ylabel="ms, p95", title=title, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
