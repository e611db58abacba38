"""What the documents about this program say is so: commands, settings, links, licences, and the code they show."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_group

import rag
from rag import Settings, cli

HERE = Path(__file__).parent.parent
README = HERE / "README.md"
PAGES = [README, HERE / "CHANGELOG.md", HERE / "corpus" / "README.md", *sorted((HERE / "docs").glob("*.md"))]
GROUP = get_group(cli.app)


def name(path: Path) -> str:
    """The path inside the repository."""
    return path.relative_to(HERE).as_posix()


def blocks(path: Path, language: str = r"\w*") -> list[str]:
    """The fenced blocks of a page, in order."""
    found = re.findall(rf"^```({language})\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for _, block in found]


def command_lines(path: Path) -> list[list[str]]:
    """The arguments of each call of `rag` that a page shows."""
    lines = [line for block in blocks(path) for line in block.splitlines()]
    calls = [
        found.group(1) for line in lines if (found := re.match(r"(?:\$ )?(?:RAG_\w+=\S+ )*(?:\S+/)?rag\s(.*)", line))
    ]
    return [shlex.split(re.split(r"\s[|>]|&&", call)[0], comments=True) for call in calls]


def anchors(path: Path) -> set[str]:
    """What a link may name in a page: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ +(.+?)\s*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> list[str]:
    """The relative links of a page, pictures too; code is none."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)\"", text)
    return [link for pair in found for link in pair if link and not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("command", GROUP.commands)
def test_every_command_is_in_the_readme(command: str) -> None:
    """A command that the README does not show does not exist for most people."""
    assert command in [arguments[0] for arguments in command_lines(README)]


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(call, id=f"{name(page)}: rag {' '.join(call)}") for page in PAGES for call in command_lines(page)],
)
def test_every_command_line_shown_is_understood(arguments: list[str]) -> None:
    """Its command, arguments and options exist."""
    group, context = GROUP, GROUP.make_context("rag", list(arguments))

    name, command, rest = group.resolve_command(context, arguments)
    while isinstance(command, TyperGroup):
        group, context = command, command.make_context(name, list(rest), parent=context)
        name, command, rest = group.resolve_command(context, rest)

    assert command is not None
    assert command.make_context(name, rest, parent=context).params


def test_every_make_target_shown_exists() -> None:
    """`make NAME` in the README is a target of the Makefile."""
    targets = set(re.findall(r"^(\w+):", (HERE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"\bmake (\w+)", "".join(blocks(README)))) <= targets


def test_the_readmes_python_runs(sample_settings: Settings, tmp_path: Path) -> None:
    """What a person copies from it works, in a folder that holds a corpus."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "documents").symlink_to(sample_settings.corpus)
    shutil.copytree(sample_settings.home, tmp_path / ".rag")  # so that `ingest` has nothing to embed
    program = "\n".join(blocks(README, "python"))

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)

    assert "rag.Chatbot.open" in program
    assert (done.returncode, done.stderr) == (0, "")


def test_every_public_name_is_explained() -> None:
    """A name of `import rag` that neither the README nor docs/ shows is not one to rely on."""
    code = "".join(re.findall(r"```.*?```|`[^`\n]+`", "".join(page.read_text("utf-8") for page in PAGES), re.DOTALL))

    assert {public for public in rag.__all__ if not re.search(rf"\b{public}\b", code)} == set()


def test_every_environment_variable_named_is_a_setting() -> None:
    """In the documents, and in what the program itself says."""
    pages = [*PAGES, HERE / "Makefile", *(HERE / "rag").rglob("*.py")]
    named = {variable for page in pages for variable in re.findall(r"RAG_[A-Z]+(?:_[A-Z]+)*", page.read_text("utf-8"))}

    assert named
    assert {
        variable for variable in named if variable.removeprefix("RAG_").lower() not in Settings.model_fields
    } == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading in it where one is named."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_changelog_tells_of_this_version() -> None:
    """The version of pyproject.toml has its section, or what is new stands under Unreleased."""
    version = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = re.findall(r"^## \[?([^\]\s]+)", (HERE / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert headings
    assert headings[0] in ("Unreleased", version)


def test_every_document_of_the_corpus_has_its_licence() -> None:
    """The table names each file that is there, no other, and never without origin and licence."""
    table = re.findall(r"^\| `([^`]+)` \|(.+)\|$", (HERE / "corpus" / "README.md").read_text("utf-8"), re.MULTILINE)
    rows = {file: [cell.strip() for cell in cells.split("|")] for file, cells in table}
    documents = HERE / "corpus" / "documents"
    files = {path.relative_to(documents).as_posix() for path in documents.rglob("*") if path.is_file()}

    described = {file for file, cells in rows.items() if len(cells) == 4 and all(cells)}
    assert described == files
