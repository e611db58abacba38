"""A model that is loaded when it is first used, and once: `rag search` does not wait for the reader (0.35 s)."""

from collections.abc import Callable
from threading import Lock
from typing import ParamSpec, TypeVar

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")


def at_first_use(load: Callable[[], Callable[_Taken, _Given]]) -> Callable[_Taken, _Given]:
    """The function that `load` makes, made at its first call; who calls meanwhile waits. What `load` raises, it raises.

    A load that failed is tried again at the next call. Safe to share between threads if the function is.
    """
    lock = Lock()
    loaded: list[Callable[_Taken, _Given]] = []

    def call(*args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
        with lock:
            if not loaded:
                loaded.append(load())
        return loaded[0](*args, **kwargs)

    return call
