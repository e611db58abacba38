"""What the page fetches: documents, pictures of pages and files, whatever they are called, and nothing else."""

import hashlib
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

import rag
from rag import Box, Chatbot, RagError, Settings, SourceDocument, Span
from tests.fakes import HashEmbedding
from tests.ui.test_document import Seen
from ui.routes import PICTURES_AT_ONCE, routes

NAMES = [
    "a.md",
    "50%.md",
    "a #1?.md",
    "Brief an Jürgen/äöü 手紙.md",
    'it\'s "quoted".md',
    "a+b&c;d=e.md",
    "two\nlines.md",
]
TEXT = "# Rules\n\nThe bell tower opens at nine."
SIZE = (595.0, 842.0)


class Shelf:
    """Documents in memory, each with one page to show; counts how many pictures are made at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = {name: SourceDocument(name, name, None, TEXT, (0,)) for name in [*NAMES, "a.pdf", "gone.md"]}
        self.busy = 0
        self.most = 0
        self._lock = threading.Lock()
        (folder / "file").write_text("what is in it")

    def document(self, document_id: str) -> SourceDocument:
        """One of them."""
        if document_id not in self.documents:
            raise RagError(f"No document {document_id!r} in the index.")
        return self.documents[document_id]

    def boxes(self, span: Span) -> tuple[Box, ...]:
        """One box, but for what stands behind the text."""
        return (Box(1, 10, 10, 20, 20, *SIZE),) if span.end <= len(TEXT) else ()

    def sheets(self, document_id: str) -> tuple[tuple[float, float], ...]:
        """One page of a PDF."""
        return (SIZE,) if document_id.endswith(".pdf") else ()

    def sheet(self, document_id: str, page: int) -> bytes:
        """Takes a moment."""
        if not document_id.endswith(".pdf") or page > 1:
            raise RagError("no such page")
        with self._lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        time.sleep(0.05)
        with self._lock:
            self.busy -= 1
        return b"picture"

    def evaluation(self) -> str | None:
        """Nothing was measured."""
        return None

    def original(self, document_id: str) -> Path | None:
        """The same file for all, but one."""
        return None if document_id not in self.documents or document_id == "gone.md" else self.folder / "file"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The documents."""
    return Shelf(tmp_path)


@pytest.fixture
def client(shelf: Shelf) -> Iterator[TestClient]:
    """Of an application with the routes alone."""
    application = FastAPI()
    application.include_router(routes(shelf))
    with TestClient(application) as one:
        yield one


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_found_by_whatever_name(client: TestClient, name: str) -> None:
    """The mark holds its words, and the link in the reply leads to the file under its own name."""
    reply = client.get(f"/source/{quote(name)}", params={"mark": "13-17-t1c1"})
    seen = Seen(reply.text)
    file = client.get("/" + seen.tags("a")[0]["href"])

    assert (reply.status_code, seen.marked) == (200, {"t1c1": "bell"})
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert file.text == "what is in it"
    assert quote(name.rpartition("/")[2], safe="") in file.headers["content-disposition"] or name == "a.md"


def test_a_file_is_a_download(client: TestClient) -> None:
    """No browser shows it as a page of this server, whatever it is."""
    reply = client.get("/original/a.md")

    assert reply.headers["content-disposition"] == 'attachment; filename="a.md"'
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["source/none.md", "original/none.md", "original/gone.md", "sheet/1/a.md", "sheet/2/a.pdf"]
)
def test_what_is_not_there_is_told_in_a_line(client: TestClient, path: str) -> None:
    """With the status that says so."""
    reply = client.get(f"/{path}")

    assert reply.status_code == 404
    assert "\n" not in reply.text.strip()


@pytest.mark.parametrize("path", ["../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "..%5c..%5cwindows"])
def test_only_files_of_the_index_are_given(client: TestClient, path: str) -> None:
    """A path is a name in the catalog and nothing else."""
    assert client.get(f"/original/{path}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        *("mark=x", "mark=5-2-k", "mark=5-5-k", "mark=-1-4-k", "mark=1-4-<b>", "mark=1-4-", "mark=1-99999999999-k"),
        *("view=film", "from=-1", "from=x", "&".join(["mark=1-2-k"] * 51)),
    ],
)
def test_nonsense_is_refused(client: TestClient, query: str) -> None:
    """With 422, before any document is read."""
    assert client.get(f"/source/a.md?{query}").status_code == 422


@pytest.mark.parametrize("page", ["0", "-1", "x", "1000000"])
def test_a_page_is_a_number(client: TestClient, page: str) -> None:
    """Counted from one."""
    assert client.get(f"/sheet/{page}/a.pdf").status_code == 422


def test_a_pdf_is_shown_on_its_pages(client: TestClient) -> None:
    """Or as text, where that is asked for or the words are found on no page."""
    on_pages = Seen(client.get("/source/a.pdf?mark=13-17-t1c1").text)
    as_text = Seen(client.get("/source/a.pdf?mark=13-17-t1c1&view=text").text)
    not_found = Seen(client.get("/source/a.pdf?mark=13-99-t1c1").text)
    asked = Seen(client.get("/source/a.pdf?mark=13-99-t1c1&view=pages").text)

    assert [seen.tags("article")[0]["data-showing"] for seen in (on_pages, as_text, not_found, asked)] == [
        "pages",
        "text",
        "text",
        "pages",
    ]
    assert on_pages.tags("mark")[0]["data-cited"] == "t1c1"
    assert as_text.marked == {"t1c1": "bell"}
    assert all(seen.tags("button")[0]["data-view"] == "pages" for seen in (on_pages, as_text, not_found))
    assert client.get("/" + on_pages.tags("img")[0]["src"]).content == b"picture"


def test_a_picture_is_kept_by_the_browser(client: TestClient) -> None:
    """For an hour, by nobody in between; after that it is sent again only if it is another."""
    first = client.get("/sheet/1/a.pdf")
    again = client.get("/sheet/1/a.pdf", headers={"If-None-Match": first.headers["etag"]})
    other = client.get("/sheet/1/a.pdf", headers={"If-None-Match": '"other"'})

    assert first.headers["cache-control"].startswith("private, max-age=")
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert (again.content, other.content) == (b"", b"picture")


def test_few_pictures_are_made_at_once(client: TestClient, shelf: Shelf) -> None:
    """However many are asked for, and those that wait keep no thread from others."""
    with ThreadPoolExecutor(60) as threads:
        waiting = [threads.submit(client.get, "/sheet/1/a.pdf") for _ in range(60)]
        started = time.monotonic()
        assert client.get("/original/a.md").status_code == 200
        waited = time.monotonic() - started
        assert all(reply.result().status_code == 200 for reply in waiting)

    assert shelf.most == PICTURES_AT_ONCE
    assert waited < 0.05 * 60 / PICTURES_AT_ONCE


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chatbot]:
    """Over a PDF of two pages and a note, both of this test's own."""
    place = tmp_path_factory.mktemp("routes")
    folder = place / "documents"
    folder.mkdir()
    canvas = Canvas(str(folder / "rules & more.pdf"))
    for line in ("The bell tower opens at nine.", "Bring a lamp."):
        canvas.drawString(72, 700, line)
        canvas.showPage()
    canvas.save()
    (folder / "note.md").write_text("Bees sleep at night.")
    settings = Settings(home=place / "home", corpus=folder)
    rag.ingest(folder, settings, embedder=HashEmbedding())
    one = Chatbot.open(settings)
    yield one
    one.close()


@pytest.mark.slow
def test_pages_of_an_indexed_pdf_are_shown_until_it_changes(bot: Chatbot) -> None:
    """Words boxed, pictures of the pages, the file itself; then only its text."""
    application = FastAPI()
    application.include_router(routes(bot))
    address = f"/source/{quote('rules & more.pdf')}"
    start = bot.document("rules & more.pdf").text.index("lamp")
    marks = {"mark": f"{start}-{start + 4}-t1c1"}
    with TestClient(application) as client:
        before = Seen(client.get(address, params=marks).text)
        picture = Image.open(io.BytesIO(client.get("/" + before.tags("img")[1]["src"]).content))
        path = bot.original("rules & more.pdf")
        assert path is not None
        sent = client.get("/" + before.tags("a")[0]["href"]).content
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.write_bytes(path.read_bytes() + b"\n")
        after = Seen(client.get(address, params=marks).text)
        refused = client.get("/" + before.tags("a")[0]["href"]).status_code

    assert "lamp" in before.text("div")
    assert picture.width == 1100
    assert hashlib.sha256(sent).hexdigest() == digest
    assert (after.tags("img"), after.tags("a"), after.marked, refused) == ([], [], {"t1c1": "lamp"}, 404)


@pytest.mark.slow
def test_what_is_no_pdf_has_no_pages(bot: Chatbot) -> None:
    """Neither sizes nor pictures nor boxes; its text is shown."""
    assert (bot.sheets("note.md"), bot.boxes(Span("note.md", 0, 4)), bot.original("none.md")) == ((), (), None)
    with pytest.raises(RagError, match="no PDF"):
        bot.sheet("note.md", 1)
