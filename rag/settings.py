"""Every knob, with its unit and the reason for its default.

Read in this order, first found wins: arguments, `RAG_*` environment variables, `rag.toml` in the working folder,
the defaults below.
"""

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PACKAGED_MODEL = "all-MiniLM-L6-v2"
LOADER_VERSION = "3"  # raise when the text of an unchanged file would come out differently

Fraction = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseSettings):
    """Settings(home=..., ...): see each field's comment for unit and reason."""

    model_config = SettingsConfigDict(env_prefix="RAG_", toml_file="rag.toml", extra="forbid", frozen=True)

    # Where things are
    home: Path = Path(".rag")  # index folder; everything in it but catalog.db can be rebuilt
    corpus: Path = Path("corpus/documents")  # what `rag ingest` reads when no path is given

    # Reading files, each in a process of its own
    load_processes: Annotated[int, Field(ge=0, le=64)] = max(2, (os.cpu_count() or 2) // 2)  # 0: in this one
    load_seconds: Annotated[float, Field(gt=0)] = 120.0  # for one file; ten times that for a PDF where OCR is installed
    load_memory: Annotated[int, Field(ge=256)] = 2048  # MB for one file: a PDF of 1,000 pages takes about 500

    # The index: a change to any of these three needs the index built again (see `fingerprint`)
    embedder: str = PACKAGED_MODEL  # packaged model, or any sentence-transformers model by name or folder
    embedder_revision: str = ""  # a label of your own for a hub model that changed under its name; folders are hashed
    chunk_size: Annotated[int, Field(ge=16, le=2048)] = 160  # embedder tokens; MiniLM reads 256 with title and heading

    # Retrieval
    candidates: Annotated[int, Field(ge=1, le=1000)] = 50  # chunks taken from each index before fusion
    lexical_weight: Annotated[float, Field(ge=0, le=10)] = (
        0.25  # cosine + weight * BM25 / best BM25, for a usual question
    )
    read: Annotated[int, Field(ge=0, le=200)] = 12  # chunks read closely at most, of those the passages are made of
    passages: Annotated[int, Field(ge=1, le=50)] = 6  # passages an answer is made from
    reranker: str = ""  # cross-encoder on this machine's disk by name or folder; none by default: see docs/retrieval.md
    reranked: Annotated[int, Field(ge=1, le=1000)] = 20  # chunks that it reads, the best of the fused ranking

    # Answering
    sentences: Annotated[int, Field(ge=1, le=10)] = (
        3  # quoted at most; lists whole, twice as many rows, one a pronoun points to
    )
    sentence_margin: Annotated[float, Field(ge=0)] = 2.0  # log-odds below the best from which a sentence is left out
    answer_threshold: Fraction = 0.4  # probability that the corpus answers, below which it says that it does not
    max_wrong: Annotated[float, Field(gt=0, lt=1)] | None = None  # share of answers; sets the threshold where given

    # Language model; none by default, so nothing leaves the machine
    llm: Literal["none", "openai-like", "ollama", "anthropic", "gguf"] = "none"
    llm_model: str = ""  # the model's name on its server, or the path of a .gguf file
    llm_url: str = ""  # base URL of an OpenAI-compatible or Ollama server
    llm_key: SecretStr = SecretStr("")  # API key, where the server wants one
    llm_context: Annotated[int, Field(ge=512)] = 4096  # tokens the model reads, prompt and reply together
    llm_reply: Annotated[int, Field(ge=16)] = 400  # tokens of reply at most
    llm_timeout: Annotated[float, Field(gt=0)] = 60.0  # seconds for the model's next words; ten times that for a reply
    llm_price_read: Annotated[float, Field(ge=0)] | None = (
        None  # of a million tokens; an evaluation then tells the cost
    )
    llm_price_written: Annotated[float, Field(ge=0)] | None = None  # in the same currency; one that is not given is 0
    strictness: Literal["auto", "show", "strict", "agree"] = "auto"  # unsupported sentences are marked, or taken out
    nli: str = ""  # model of inference on this machine's disk by name or folder: the last check of a model's sentences

    # The page
    host: str = "127.0.0.1"  # loopback: nobody else on the network sees the page unless this is changed
    port: Annotated[int, Field(ge=0, le=65535)] = 7860
    editable: bool = True  # documents can be added and removed on the page: for a server that others reach, turn it off
    upload_megabytes: Annotated[int, Field(ge=1)] = 200  # of one file; more than 200 MiB no loader reads

    @property
    def fingerprint(self) -> str:
        """Names what the vectors and offsets of an index depend on; two indexes with the same one may be mixed."""
        parts = (self.embedder, self.embedder_revision, weights(self.embedder), self.chunk_size, LOADER_VERSION)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment before rag.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def weights(embedder: str) -> str:
    """Hash of all files of a model folder, so that other weights under the same path are another model; else empty.

    The packaged model's weights are pinned where they are loaded.
    """
    folder = Path(embedder)
    if not folder.is_dir():
        return ""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return _hash(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache
def _hash(files: tuple[tuple[str, int, int], ...]) -> str:
    """Of the files' contents, in order; remembered for as long as they are listed alike."""
    total = hashlib.sha256()
    for name, _, _ in files:
        with Path(name).open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:12]
