"""A model of inference that `Settings.nli` names → what a text says of a claim: that it is so, that it is not, neither.

It reads both together, which costs a pass through a model for each claim; see docs/language-models.md.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Literal

from rag.errors import ConfigError

Relation = Literal["neutral", "entailment", "contradiction"]
Infer = Callable[[Sequence[tuple[str, str]]], Sequence[Relation]]  # (text, claim) pairs → one relation for each

_RELATIONS: tuple[Relation, ...] = ("neutral", "entailment", "contradiction")  # of equal ones the first
_BATCH = 32  # pairs per forward pass; an answer seldom has as many sentences


def inference(name_or_folder: str) -> Infer:
    """A cross-encoder that sorts pairs so, from this machine's disk only; loads torch. Threads may share it.

    Raises ModelError if it is not there, and ConfigError if its classes have other names.
    """
    from rag.models.sentence_transformer import pair_classifier

    model, classes = pair_classifier(name_or_folder)
    columns = _columns(classes, name_or_folder)
    using = Lock()  # its tokenizer keeps the length to cut at, which two calls at once would change under each other

    def infer(pairs: Sequence[tuple[str, str]]) -> Sequence[Relation]:
        with using:
            logits = model.predict([*pairs], batch_size=_BATCH, show_progress_bar=False).tolist()
        return [max(_RELATIONS, key=lambda relation: row[columns[relation]]) for row in logits]

    return infer


def _columns(classes: Mapping[str, int], name: str) -> dict[Relation, int]:
    """Where a model has the logit of each relation; models differ in the order and in how they write the names."""
    named = {label.strip().lower(): at for label, at in classes.items()}
    if not named.keys() >= set(_RELATIONS):
        raise ConfigError(
            f"{name!r} sorts pairs into {', '.join(classes)}. RAG_NLI takes a model whose config.json names"
            " entailment, neutral and contradiction in id2label."
        )
    return {relation: named[relation] for relation in _RELATIONS}
