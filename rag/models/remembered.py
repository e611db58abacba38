"""An encoder that remembers: neither a question asked again nor a sentence found again is encoded again."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from rag.models.embed import Encode, Vectors

_MOST = 4000  # texts: with their vectors 6 MB, and as much again for the longest texts
_LONGEST = 1000  # characters of a text that is kept


class Remembered:
    """The vectors of an encoder, those of the texts last used kept. Safe to share between threads."""

    def __init__(self, encode: Encode, *, most: int = _MOST, longest: int = _LONGEST) -> None:
        self._encode = encode
        self._most = most
        self._longest = longest
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()  # least recently used first
        self._lock = Lock()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors in the order of the texts."""
        known = self._recall(texts)
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            vectors = self._encode(new)
            known.update(zip(new, vectors, strict=True))
            self._keep(new, vectors)
        return np.stack([known[text] for text in texts]) if texts else self._encode(())

    def _recall(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
            for text in known:
                self._kept.move_to_end(text)
        return known

    def _keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        with self._lock:
            for text, vector in zip(texts, vectors, strict=True):
                if len(text) <= self._longest:
                    self._kept[text] = vector.copy()  # a row alone would keep all of its batch in memory
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
