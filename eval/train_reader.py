"""Training file → the reader that marks which sentences of a passage answer a question, and with which words.

    python -m eval convert squad2 dev-v2.0.json.gz sets/squad2      # and so on, see `python -m eval convert --help`
    python -m eval gather sets/qamr sets/squad2 sets/clapnq --out training.json.gz
    python eval/train_reader.py training.json.gz --out reader.onnx

The packaged MiniLM reads question and passage together; one linear layer gives each token three logits: the answer's
first token, its last, and "this sentence answers". In each pass every question meets another window of its text, and
other passages that do not answer. Needs `pip install -e '.[train]'` or, with `--model`, torch and transformers alone.
A pass over 129,000 questions takes an H100 two minutes; two CPU cores learn from about 10,000 in an hour.
"""

import argparse
import gzip
import json
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import AutoModel

CLS, SEP = 101, 102  # as the packaged vocabulary has them
LENGTHS = (50, 200)  # tokens of a passage, drawn between the two: passages of all lengths come up when answering
MOST_TOKENS = 288  # question and passage together
HIDDEN = 1 / 6  # of the answerable questions meet neighbours of the answer: the hardest to tell apart
UNTITLED = 1 / 8  # of the passages are read without their title
TOGETHER = 4000  # questions that are made into batches at a time
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a passage as token ids, with what is to be learnt of each sentence and token."""

    ids: list[int]
    passage_at: int  # first token of the passage
    sentences: list[tuple[int, int]]  # token ranges
    answers: list[bool]  # of each sentence
    first: int  # token of the answer; 0 where the passage has none, IGNORED where it is not known
    last: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples side by side, padded to the longest: arrays of shape (examples, tokens) unless said otherwise."""

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    may_answer: NDArray[np.bool_]  # tokens of the passage, and the first of all, which stands for no answer
    sentence_of: NDArray[np.int64]  # number of the token's sentence in the batch, one past the last for none
    answers: NDArray[np.float32]  # (sentences,)
    first: NDArray[np.int64]  # (examples,)
    last: NDArray[np.int64]  # (examples,)


class Reader(nn.Module):
    """MiniLM with three logits for each token."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(str(folder), attn_implementation="eager", dtype=torch.float32)
        self.head = nn.Linear(self.encoder.config.hidden_size, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits of shape (batch, tokens, 3)."""
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        return self.head(hidden)  # type: ignore[no-any-return]


class TrainingFile:
    """What `python -m eval gather` wrote, of one file or several."""

    def __init__(self, paths: Sequence[Path], *, negatives: int) -> None:
        self._negatives = negatives
        self.texts: list[dict[str, Any]] = []
        self.questions: list[dict[str, Any]] = []
        for path in paths:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                held = json.load(file)
            first = len(self.texts)
            self.texts += held["texts"]
            for asked in held["questions"]:
                others = [(first + text, start, stop) for text, start, stop in asked["others"]]
                self.questions.append(asked | {"text": first + asked["text"], "others": others})

    def examples(self, asked: dict[str, Any], draw: random.Random) -> Iterator[Example]:
        """The question with a window of its text, and with passages that share words with it."""
        text = self.texts[asked["text"]]
        sizes = [len(tokens) for tokens in text["sentences"]]
        hide = bool(asked["answering"]) and len(sizes) > 3 and draw.random() < HIDDEN
        wanted = [(at in asked["answering"]) != hide for at in range(len(sizes))]
        chosen = window(sizes, wanted, draw, keep_to=hide)
        answering = [not hide and at in asked["answering"] for at in chosen]
        words = None if hide else asked["words"]
        example = encode(asked["ids"], text, chosen, answering, words, known=hide or asked["known"], draw=draw)
        if example:
            yield example
        for other, start, stop in draw.sample(asked["others"], min(self._negatives, len(asked["others"]))):
            passage = range(start, stop)
            example = encode(
                asked["ids"], self.texts[other], passage, [False] * len(passage), None, known=True, draw=draw
            )
            if example:
                yield example

    def batches(self, numbers: Sequence[int], tokens: int, seed: int) -> list[Batch]:
        """The examples of these questions, those of like length together, about so many tokens in each batch."""
        draw = random.Random(seed)
        found = [example for number in numbers for example in self.examples(self.questions[number], draw)]
        groups: list[list[Example]] = [[]]
        for example in sorted(found, key=lambda example: len(example.ids) + draw.random() * 16):
            if (len(groups[-1]) + 1) * len(example.ids) > tokens and groups[-1]:
                groups.append([])
            groups[-1].append(example)
        draw.shuffle(groups)
        return [side_by_side(group) for group in groups if group]


def window(sizes: Sequence[int], wanted: Sequence[bool], draw: random.Random, *, keep_to: bool) -> range:
    """Neighbouring sentences of a random length in tokens, around a wanted one; none but wanted ones if so asked."""
    starts = [at for at, want in enumerate(wanted) if want] or list(range(len(sizes)))
    if not starts:
        return range(0)
    budget = draw.randint(*LENGTHS)
    low = high = draw.choice(starts)
    used = sizes[low]
    sides = [True, True]
    while any(sides) and used < budget:
        left = draw.random() < 0.5 if all(sides) else sides[0]
        at = low - 1 if left else high + 1
        if not 0 <= at < len(sizes) or used + sizes[at] > budget or (keep_to and not wanted[at]):
            sides[0 if left else 1] = False
            continue
        used += sizes[at]
        low, high = (at, high) if left else (low, at)
    return range(low, high + 1)


def encode(
    asked: Sequence[int],
    text: dict[str, Any],
    chosen: range,
    answering: list[bool],
    words: Sequence[int] | None,
    *,
    known: bool,
    draw: random.Random,
) -> Example | None:
    """None where the passage is longer than the window, or empty."""
    title = [] if draw.random() < UNTITLED else text["title"]
    ids = [CLS, *asked, SEP]
    passage_at = len(ids)
    ids += title
    ranges = []
    first = last = 0 if known else IGNORED
    for at in chosen:
        tokens = text["sentences"][at]
        if not tokens:
            return None
        if words and words[0] == at:
            first, last = len(ids) + words[1], len(ids) + words[2]
        ranges.append((len(ids), len(ids) + len(tokens)))
        ids += tokens
    ids.append(SEP)
    return Example(ids, passage_at, ranges, answering, first, last) if ranges and len(ids) <= MOST_TOKENS else None


def side_by_side(group: Sequence[Example]) -> Batch:
    """A batch of the examples."""
    shape = len(group), max(len(example.ids) for example in group)
    ids, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    may_answer = np.zeros(shape, dtype=np.bool_)
    answers = [answer for example in group for answer in example.answers]
    sentence_of = np.full(shape, len(answers), dtype=np.int64)
    number = 0
    for row, example in enumerate(group):
        end = len(example.ids)
        ids[row, :end] = example.ids
        types[row, example.passage_at : end] = 1
        may_answer[row, example.passage_at : end - 1] = True
        for start, stop in example.sentences:
            sentence_of[row, start:stop] = number
            number += 1
    may_answer[:, 0] = True
    first, last = np.array([example.first for example in group]), np.array([example.last for example in group])
    return Batch(ids, types, may_answer, sentence_of, np.array(answers, dtype=np.float32), first, last)


def loss_of(model: nn.Module, batch: Batch, device: str) -> Tensor:
    """Cross-entropy of the sentences and, where it is known, of the answer's first and last token."""

    def there(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    ids, sentence_of = there(batch.ids), there(batch.sentence_of).flatten()
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        logits = model(ids, (ids != 0).long(), there(batch.types)).float()
    sums = torch.zeros(len(batch.answers) + 1, device=device).index_add(0, sentence_of, logits[..., 2].flatten())
    counts = torch.bincount(sentence_of, minlength=len(batch.answers) + 1)
    sentence = binary_cross_entropy_with_logits(sums[:-1] / counts[:-1], there(batch.answers))
    if (batch.first == IGNORED).all():
        return 2 * sentence
    masked = logits[..., :2].masked_fill(~there(batch.may_answer)[..., None], -1e4)
    token = cross_entropy(masked[..., 0], there(batch.first), ignore_index=IGNORED)
    return 2 * sentence + 0.5 * (token + cross_entropy(masked[..., 1], there(batch.last), ignore_index=IGNORED))


def portions(count: int, passes: int, seed: int) -> Iterator[tuple[list[int], int]]:
    """The questions' numbers, shuffled anew for each pass, `TOGETHER` at a time, each with a seed of its own."""
    draw = random.Random(seed)
    for _ in range(passes):
        order = list(range(count))
        draw.shuffle(order)
        for start in range(0, count, TOGETHER):
            yield order[start : start + TOGETHER], draw.getrandbits(32)


_made_of: TrainingFile  # in the processes that make batches; set before they are forked
_tokens: int


def _made(portion: tuple[list[int], int]) -> list[Batch]:
    return _made_of.batches(portion[0], _tokens, portion[1])


def train(
    model: Reader,
    held: TrainingFile,
    *,
    passes: int,
    minutes: float,
    rate: float,
    tokens: int,
    seed: int,
    device: str,
    workers: int,
    save: Path,
) -> None:
    """So many passes, or so many minutes; the learning rate rises over the first twentieth and falls to nothing."""
    global _made_of, _tokens
    _made_of, _tokens = held, tokens
    planned = list(portions(len(held.questions), passes, seed))
    model.encoder.set_attn_implementation("sdpa")
    model.to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=device == "cuda")
    started, mean, steps, done = time.monotonic(), 1.0, 0, 0.0
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for number, batches in enumerate(pool.imap(_made, planned)):
            for at, batch in enumerate(batches):
                spent = (time.monotonic() - started) / 60 / minutes
                done = max((number + at / len(batches)) / len(planned), spent)
                if done >= 1:
                    break
                for group in optimiser.param_groups:
                    group["lr"] = rate * min(20 * done + 0.001, (1 - done) / 0.95)
                optimiser.zero_grad()
                loss = loss_of(model, batch, device)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                steps += 1
                if steps % 50 == 0:
                    mean = 0.9 * mean + 0.1 * loss.item()
            print(f"{done:.1%}, questions {(number + 1) * TOGETHER}: loss {mean:.3f}", flush=True)
            if done >= 1:
                break
            if number % 10 == 9:
                torch.save(model.state_dict(), save)
    model.to("cpu").eval()
    torch.save(model.state_dict(), save)


def export(model: Reader, out: Path) -> None:
    """The model as int8 ONNX: weights of the linear layers and the embeddings in 8 bits, about 23 MB."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model.eval()
    model.encoder.set_attn_implementation("eager")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    sample = tuple(torch.ones((2, 16), dtype=torch.long) for _ in names)
    whole = out.with_suffix(".fp32.onnx")
    torch.onnx.export(
        model,
        sample,
        str(whole),
        input_names=names,
        output_names=["logits"],
        dynamo=False,
        opset_version=17,
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*names, "logits"]},
    )
    quantize_dynamic(str(whole), str(out), weight_type=QuantType.QInt8, per_channel=True)
    whole.unlink()


def _packaged() -> Path:
    from rag.models.embed import packaged_folder

    return packaged_folder()


def main() -> None:
    """Read the file, train, export."""
    parser = argparse.ArgumentParser(description="Train the reader.")
    parser.add_argument("files", nargs="+", type=Path, help="as `python -m eval gather` writes them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=110, help="end after so many, whatever passes are left")
    parser.add_argument("--model", type=Path, help="folder of another MiniLM; the packaged one when not given")
    parser.add_argument("--start", type=Path, help="weights of a reader to go on from")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--tokens", type=int, default=16_000, help="tokens in a batch")
    parser.add_argument("--negatives", type=int, default=1, help="passages without an answer for each question")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    held = TrainingFile(arguments.files, negatives=arguments.negatives)
    print(f"questions: {len(held.questions)}, texts: {len(held.texts)}", flush=True)
    model = Reader(arguments.model or _packaged())
    if arguments.start:
        model.load_state_dict(torch.load(arguments.start))
    train(
        model,
        held,
        passes=arguments.passes,
        minutes=arguments.minutes,
        rate=arguments.rate,
        tokens=arguments.tokens,
        seed=arguments.seed,
        device="cuda" if torch.cuda.is_available() else "cpu",
        workers=arguments.workers,
        save=arguments.out.with_suffix(".pt"),
    )
    export(model, arguments.out)


if __name__ == "__main__":
    main()
