"""A model loaded at its first use is loaded once, and what is wrong with it is told there."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.errors import ModelError
from rag.models.first_use import at_first_use


def test_nothing_is_loaded_before_it_is_used() -> None:
    """Making the function loads nothing; its first call does, and the next ones call what was loaded."""
    loads: list[str] = []

    def load() -> type[str]:
        loads.append("loaded")
        return str

    text = at_first_use(load)

    before = list(loads)

    assert (before, text(2), text(3), loads) == ([], "2", "3", ["loaded"])


def test_threads_that_come_at_once_load_it_once() -> None:
    """While one loads, the others wait, and all call the same."""
    loads: list[object] = []

    def load() -> type[object]:
        time.sleep(0.02)
        loads.append(object())
        return object

    make = at_first_use(load)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: make(), range(8)))

    assert len(loads) == 1


def test_what_could_not_be_loaded_is_tried_again() -> None:
    """The error comes where it is used, and a second try may do better."""
    broken = [ModelError("Install it again.")]

    def load() -> type[str]:
        if broken:
            raise broken.pop()
        return str

    text = at_first_use(load)

    with pytest.raises(ModelError, match="Install it again"):
        text(7)
    assert text(7) == "7"
