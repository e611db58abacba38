"""The scripts and templates that lie beside the page's code."""

from pathlib import Path

_HERE = Path(__file__).parent


def read(name: str) -> str:
    """A file of this folder."""
    return (_HERE / name).read_text(encoding="utf-8")
