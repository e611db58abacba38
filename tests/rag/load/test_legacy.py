"""Old Office files: read where LibreOffice is installed, else skipped with that advice."""

import subprocess
from pathlib import Path

import docx
import pytest

from rag import Settings
from rag.errors import LoadError
from rag.load import load
from rag.load.legacy import program
from rag.load.process import Loader
from tests.files import Trap, odf

installed = pytest.mark.skipif(program() is None, reason="LibreOffice is not installed")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Word document in the format of before 2007."""
    folder = tmp_path_factory.mktemp("old")
    document = docx.Document()
    document.add_heading("Bees", 1)
    document.add_paragraph("They sleep at night.")
    document.save(str(folder / "bees.docx"))
    converted(folder / "bees.docx", folder)
    return folder / "bees.doc"


def converted(path: Path, folder: Path) -> None:
    """Make it a .doc."""
    command = [str(program()), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"]
    command += ["--convert-to", "doc", "--outdir", str(folder), str(path)]
    subprocess.run(command, check=True, capture_output=True)


@installed
@pytest.mark.slow
def test_an_old_file_is_read_like_a_new_one(old: Path, settings: Settings) -> None:
    """Within the limits of the process that reads; nothing is left beside it."""
    before = sorted(old.parent.iterdir())
    loader = Loader(settings)

    document = loader.load(old, "bees.doc").document

    loader.close()
    assert document.text == "# Bees\n\nThey sleep at night."
    assert sorted(old.parent.iterdir()) == before


@installed
@pytest.mark.slow
def test_what_libreoffice_cannot_read_is_refused(tmp_path: Path) -> None:
    """With a reason."""
    path = tmp_path / "broken.ppt"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(5000))

    with pytest.raises(LoadError, match="LibreOffice cannot read it"):
        load(path, "broken.ppt")


def test_without_libreoffice_the_advice_is_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or to save the file in the new format."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.doc").write_bytes(b"\xd0\xcf\x11\xe0")

    with pytest.raises(LoadError, match=r"LibreOffice.*install it, or save the file as \.docx"):
        load(tmp_path / "a.doc", "a.doc")


@installed
@pytest.mark.slow
def test_an_old_file_reaches_no_address(tmp_path: Path, settings: Settings) -> None:
    """A picture that is only linked is not asked for."""
    trap = Trap()
    href = f'xlink:href="{trap.url}picture.png"'
    frame = f'<draw:frame svg:width="3cm" svg:height="3cm"><draw:image {href} xlink:type="simple"/></draw:frame>'
    (tmp_path / "linked.odt").write_bytes(odf("text", f"<office:text><text:p>Words.{frame}</text:p></office:text>"))
    converted(tmp_path / "linked.odt", tmp_path)
    trap.caught = 0
    loader = Loader(settings)

    document = loader.load(tmp_path / "linked.doc", "linked.doc").document

    loader.close()
    trap.close()
    assert (document.text, trap.caught) == ("Words.", 0)
