"""Who may import whom, read from the source: every import counts, also those inside functions and for types only."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import rag
from rag import Settings

HERE = Path(__file__).parent.parent
FOLDERS = ("rag", "ui", "eval")

# A file imports only from rows above its own; files of one package may import one another, never in a circle.
ROWS = (
    ("rag.errors", "rag.schema"),
    ("rag.feedback", "rag.settings", "rag.prompts"),
    ("rag.sentences", "rag.question"),  # what a text and what a question look like: rules on strings alone
    ("rag.load", "rag.chunk", "rag.models", "rag.suggest"),
    ("rag.index",),
    ("rag.review",),  # in step with the documents, so an ingest calls it
    ("rag.ingest", "rag.retrieve"),
    ("rag.answer",),
    ("rag.chat",),
    ("rag.api", "rag.watch"),
    ("rag.library", "rag.worker"),  # the documents as the page keeps them; the worker is a process of its own
    ("rag.cli",),  # serves the interface, so below it
    ("rag.__main__",),
)

# These make the reader and the weights that rag/ ships, cutting text and weighing signs exactly as it does, or gold of
# the sentences that it cuts, time its parts, measure one alone, lend one to other libraries or break them: they may
# look inside.
INSIDERS = {
    "eval.calibrate",
    "eval.chunking",
    "eval.claims",
    "eval.curve",
    "eval.endure",
    "eval.fit",
    "eval.hostile",
    "eval.judge",
    "eval.reading",
    "eval.scale",
    "eval.speed",
    "eval.suggest",
    "eval.train_reader",
    "eval.training_set",
    "eval.vectors",
}

# By the time that importing one takes, or what it brings along; what reads files and what serves them is among them.
HEAVY = {
    *("torch", "transformers", "sentence_transformers", "huggingface_hub", "tokenizers", "onnxruntime", "xllamacpp"),
    *("numpy", "scipy", "sklearn", "pandas", "matplotlib", "PIL", "datasets", "sympy", "networkx", "nltk"),
    *("llama_index", "chromadb", "tantivy", "gradio", "fastapi", "starlette", "uvicorn", "watchfiles"),
    *("markitdown", "pypdfium2", "docx", "pptx", "openpyxl", "lxml", "bs4", "trafilatura", "magika", "pytesseract"),
    *("openai", "anthropic", "ollama", "aiohttp", "sqlalchemy", "playwright", "hypothesis"),
}
SEARCHING = {"chromadb", "tantivy", "numpy", "onnxruntime", "tokenizers"}


def module(path: Path) -> str:
    """The dotted name of a source file."""
    return ".".join(path.relative_to(HERE).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {module(path): path for folder in FOLDERS for path in sorted((HERE / folder).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}


def imports(name: str) -> Iterator[str]:
    """The dotted names that a module imports; `from rag import chunk` is rag.chunk."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports by dots; write the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(imported: str) -> str | None:
    """The module of ours that an imported name stands in, None for another's."""
    while imported:
        if imported in SOURCES:
            return imported
        imported = imported.rpartition(".")[0]
    return None


def unit(name: str) -> str:
    """What has a row: a file of rag/, or a package in it with all its files."""
    return ".".join(name.split(".")[:2])


def row(name: str) -> int:
    """The row of a module of rag/."""
    return next(number for number, units in enumerate(ROWS) if unit(name) in units)


OURS = {name: {file for file in map(file_of, imports(name)) if file is not None} for name in SOURCES}


def test_every_file_has_a_row() -> None:
    """A new file in rag/ is given its place, and the table names nothing that is gone."""
    units = {unit(name) for name in SOURCES if name.startswith("rag.")}

    assert sorted(units) == sorted(name for units in ROWS for name in units)


@pytest.mark.parametrize("name", sorted(name for name in SOURCES if name.startswith("rag.")))
def test_a_file_imports_only_from_rows_above_its_own(name: str) -> None:
    """Also inside functions. Only the command line reaches out of rag/: it starts the page and the evaluation."""
    inside = {other for other in OURS[name] if other.startswith("rag.") and unit(other) != unit(name)}
    outside = {other for other in OURS[name] if not other.startswith("rag.")}

    assert {other for other in inside if row(other) >= row(name)} == set()
    assert {unit(other).partition(".")[0] for other in outside} <= ({"ui", "eval"} if name == "rag.cli" else set())


@pytest.mark.parametrize("package", FOLDERS)
def test_nothing_imports_in_a_circle(package: str) -> None:
    """Within a folder there is an order in which each file needs only those before it."""
    files = {name for name in SOURCES if name.partition(".")[0] == package} - {package}

    assert len(list(TopologicalSorter({name: OURS[name] & files for name in files}).static_order())) == len(files)


@pytest.mark.parametrize(
    "name", sorted(name for name in SOURCES if not name.startswith("rag") and name not in INSIDERS)
)
def test_page_and_evaluation_see_only_what_is_public(name: str) -> None:
    """They import `rag` and their own files, and use no name of it that is not in `rag.__all__`."""
    own = name.partition(".")[0]
    imported = {item for item in imports(name) if item.partition(".")[0] in FOLDERS}
    foreign = {item for item in imported if item.partition(".")[0] != own}
    used = {
        f"rag.{node.attr}"
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "rag"
    }

    assert foreign | used <= {"rag", *(f"rag.{public}" for public in rag.__all__)}


@pytest.mark.parametrize(
    ("library", "importer"),
    [
        ("chromadb", "rag.index.dense"),
        ("tantivy", "rag.index.lexical"),
        ("sentence_transformers", "rag.models.sentence_transformer"),
        ("gradio", "ui.app ui.chat ui.documents ui.preferences ui.review"),  # the tabs; others make what they show
        ("xllamacpp", "rag.models.gguf"),
    ],
)
def test_a_library_has_one_door(library: str, importer: str) -> None:
    """Another one can take its place by changing one file, the page's by changing its layout."""
    importers = {name for name in SOURCES if any(item.partition(".")[0] == library for item in imports(name))}

    assert importers == set(importer.split())


def test_there_are_no_global_llama_index_settings() -> None:
    """Stages take their collaborators as arguments."""
    banned = ("llama_index.core.Settings", "llama_index.core.settings", "llama_index.core.global_")

    assert {(name, item) for name in SOURCES for item in imports(name) if item.startswith(banned)} == set()


def test_nothing_is_unpickled() -> None:
    """No file of an index can run code when it is opened."""
    banned = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    importers = {(name, item) for name in SOURCES for item in imports(name) if item.partition(".")[0] in banned}
    allowed = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    }

    assert (importers, allowed) == (set(), set())


@pytest.mark.parametrize(
    "statement",
    [
        "import rag",
        "import rag; rag.Settings(); rag.RagError; rag.Answer",
        "import rag.cli",
        "import rag.cli; rag.cli.app(['search', '--help'], standalone_mode=False)",
    ],
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    """`rag search --help` and a program that only names the package wait for no model and no index."""
    assert loaded(statement) & HEAVY == set()


def test_importing_the_package_loads_the_standard_library_alone() -> None:
    """A program that names it pays for nothing before it uses something."""
    before = loaded("pass")

    assert loaded("import rag") - before - sys.stdlib_module_names == {"rag"}


def test_a_search_waits_for_what_finds_alone(sample_settings: Settings) -> None:
    """The model that encodes, the two indexes, and neither what reads files nor what writes answers."""
    home = str(sample_settings.home)
    search = f"['search', 'listening post', '--home', {home!r}]"

    used = loaded(f"import rag.cli; rag.cli.app({search}, standalone_mode=False)")

    assert used & HEAVY == SEARCHING


def test_a_question_waits_for_no_library_that_it_does_not_use(sample_settings: Settings) -> None:
    """Importing torch takes 13 s, gradio 5 s and llama-index 3 s; an answer from the documents needs none of them."""
    home = str(sample_settings.home)

    used = loaded(f"import rag; rag.Chatbot.open(rag.Settings(home={home!r})).ask('Who went to Beijing in 2023?')")

    assert used & HEAVY == SEARCHING


def loaded(statement: str) -> set[str]:
    """The top-level modules that a new interpreter has loaded after the statement."""
    program = f"import json, sys; {statement}; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in names}
