"""Question sets → the reader that marks which sentences of a passage answer a question, and with which words.

    python -m eval convert squad2 dev-v2.0.json.gz sets/squad2      # and so on, see `python -m eval convert --help`
    python eval/train_reader.py sets/qamr sets/squad2 sets/clapnq --out reader.onnx

The packaged MiniLM reads question and passage together; one linear layer gives each token three logits: the answer's
first token, its last, and "this sentence answers". Only the `dev` half of each set is read. Needs `pip install -e
'.[train]'`; one busy core took 37 minutes for 1.8 million tokens.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import AutoModel

from eval.dataset import entries
from eval.metrics import covers
from rag import Span, sentences
from rag.index.catalog import Chunk
from rag.index.lexical import LexicalIndex, terms
from rag.models.embed import packaged_folder, packaged_tokenizer

LENGTHS = (50, 200)  # tokens of a passage, drawn between the two: passages of all lengths come up when answering
MOST_TOKENS = 288  # question and passage together
FROZEN = 2  # layers that stay as they are, with the embeddings
IGNORED = -100
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a passage as token ids, with what is to be learnt of each sentence and token."""

    ids: list[int]
    passage_at: int  # first token of the passage
    sentences: list[tuple[int, int]]  # token ranges
    answers: list[bool]  # of each sentence
    first: int  # token of the answer; 0 where the passage has none, IGNORED where it is not known
    last: int


class Reader(nn.Module):
    """MiniLM with three logits for each token."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(str(folder), attn_implementation="eager")
        self.head = nn.Linear(self.encoder.config.hidden_size, 3)
        for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:FROZEN]):
            part.requires_grad_(False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits of shape (batch, tokens, 3)."""
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        return self.head(hidden)  # type: ignore[no-any-return]


def examples(folder: Path, *, tokenizer: Any, draw: random.Random, most: int) -> Iterator[Example]:
    """The set's dev questions, at most so many, each with a passage around its gold; without gold, with any passage."""
    texts: dict[str, str] = {}
    asked = [entry for entry in entries(folder / "questions.jsonl") if entry["split"] == "dev"]
    draw.shuffle(asked)
    for entry in asked[:most]:
        document = entry["gold"][0]["document_id"] if entry["gold"] else entry.get("about", "")
        if not document:
            continue
        if document not in texts:
            texts[document] = (folder / "documents" / document).read_text(encoding="utf-8")
        example = _example(entry, texts[document], tokenizer, draw)
        if example:
            yield example


def hard_negatives(folder: Path, *, tokenizer: Any, draw: random.Random, most: int, each: int) -> Iterator[Example]:
    """For each answerable dev question the passages of other documents that share most of its words, none an answer.

    Passages that hold an accepted answer are left out: they may answer as well.
    """
    passages = [
        (path.relative_to(folder / "documents").as_posix(), title, body, window)
        for path in sorted((folder / "documents").rglob("*.txt"))
        for title, body in [_parted(path.read_text(encoding="utf-8"))]
        for window in _windows(body)
    ]
    with tempfile.TemporaryDirectory() as place:
        index = LexicalIndex(Path(place))
        index.add(
            Chunk(
                str(at),
                Span(name, *_ends(window)),
                body[slice(*_ends(window))],
                title,
                "",
                None,
                np.zeros(1, dtype=np.float32),
            )
            for at, (name, title, body, window) in enumerate(passages)
        )
        asked = [entry for entry in entries(folder / "questions.jsonl") if entry["split"] == "dev" and entry["gold"]]
        draw.shuffle(asked)
        for entry in asked[:most]:
            gold = {place["document_id"] for place in entry["gold"]}
            found = [passages[int(at)] for at, _ in index.search({entry["question"]: 1.0}, 4 * each)]
            wrong = [item for item in found if item[0] not in gold and not _holds_answer(entry, item[2], item[3])]
            for _, title, body, window in wrong[:each]:
                answers = [False] * len(window)
                example = _encode(
                    entry["question"], title, body, window, answers, None, known=True, tokenizer=tokenizer
                )
                if example:
                    yield example


def _parted(text: str) -> tuple[str, str]:
    title, _, body = text.partition("\n\n")
    return title, body


def _windows(body: str) -> Iterator[list[tuple[int, int]]]:
    """The body's sentences in runs of about 600 characters, as a chunk has them."""
    window: list[tuple[int, int]] = []
    for span in sentences.spans(body):
        if window and span[1] - window[0][0] > 600:
            yield window
            window = []
        window.append(span)
    if window:
        yield window


def _ends(window: Spans) -> tuple[int, int]:
    return window[0][0], window[-1][1]


def _holds_answer(entry: Mapping[str, Any], body: str, window: Spans) -> bool:
    said = set(terms(body[slice(*_ends(window))]))
    return any(said.issuperset(terms(answer)) for answer in entry.get("accept", []))


def _example(entry: Mapping[str, Any], text: str, tokenizer: Any, draw: random.Random) -> Example | None:
    title, body = _parted(text)
    spans = sentences.spans(body)
    gold = [Span("-", at, at + len(g["quote"])) for g in entry["gold"] if (at := body.find(g["quote"])) >= 0]
    if entry["gold"] and not gold:
        return None
    answering = [any(covers(Span("-", *span), place) for place in gold) for span in spans]
    if gold and not any(answering):
        return None
    # One in six answerable questions meets a passage without its answer: the neighbours are the hardest to tell apart.
    hide = bool(gold) and len(spans) > 3 and draw.random() < 1 / 6
    chosen = _window(spans, [not a for a in answering] if hide else answering, draw, hide)
    if not chosen:
        return None
    answer = None if hide or not gold else _answer_span(entry, body, gold[0])
    return _encode(
        entry["question"],
        title,
        body,
        spans[chosen.start : chosen.stop],
        [not hide and answering[at] for at in chosen],
        answer,
        known=hide or not gold or answer is not None,
        tokenizer=tokenizer,
    )


def _window(spans: Spans, wanted: Sequence[bool], draw: random.Random, hide: bool) -> range:
    """Neighbouring sentences of a random length in tokens, around a wanted one; where hidden, without the others."""
    starts = [at for at, want in enumerate(wanted) if want] or list(range(len(spans)))
    if not starts:
        return range(0)
    budget = draw.randint(*LENGTHS)
    low = high = draw.choice(starts)
    sizes = [(end - start) // 5 + 1 for start, end in spans]  # about a token to five characters
    used = sizes[low]
    sides = [True, True]
    while any(sides) and used < budget:
        left = draw.random() < 0.5 if all(sides) else sides[0]
        at = low - 1 if left else high + 1
        if not 0 <= at < len(spans) or used + sizes[at] > budget or (hide and not wanted[at]):
            sides[0 if left else 1] = False
            continue
        used += sizes[at]
        low, high = (at, high) if left else (low, at)
    return range(low, high + 1)


def _answer_span(entry: Mapping[str, Any], body: str, gold: Span) -> tuple[int, int] | None:
    for answer in entry.get("accept", []):
        at = body.find(answer, gold.start, gold.end) if isinstance(answer, str) else -1
        if at >= 0:
            return at, at + len(answer)
    return None


def _encode(
    question: str,
    title: str,
    body: str,
    chosen: Spans,
    answers: list[bool],
    answer: tuple[int, int] | None,
    *,
    known: bool,
    tokenizer: Any,
) -> Example | None:
    start, end = chosen[0][0], chosen[-1][1]
    head = f"{title}. " if title else ""
    asked = tokenizer.encode(question, head + body[start:end])
    ids, types = asked.ids[:MOST_TOKENS], asked.type_ids[:MOST_TOKENS]
    passage_at = types.index(1) if 1 in types else len(ids)
    places = [(s + start - len(head), e + start - len(head)) for s, e in asked.offsets[:MOST_TOKENS]]

    def within(first: int, last: int) -> list[int]:
        return [at for at in range(passage_at, len(ids) - 1) if places[at][0] < last and places[at][1] > first]

    ranges = []
    for first, last in chosen:
        inside = within(first, last)
        if not inside:
            return None
        ranges.append((inside[0], inside[-1] + 1))
    first_token = last_token = 0 if known else IGNORED
    if answer:
        inside = within(*answer)
        if not inside:
            return None
        first_token, last_token = inside[0], inside[-1]
    return Example(ids, passage_at, ranges, answers, first_token, last_token)


def batches(found: Sequence[Example], tokens: int, draw: random.Random) -> list[list[Example]]:
    """Examples of like length together, about so many tokens in each, in random order."""
    ordered = sorted(found, key=lambda example: len(example.ids) + draw.random() * 16)
    groups: list[list[Example]] = [[]]
    for example in ordered:
        if (len(groups[-1]) + 1) * len(example.ids) > tokens and groups[-1]:
            groups.append([])
        groups[-1].append(example)
    draw.shuffle(groups)
    return groups


def loss_of(model: Reader, batch: Sequence[Example]) -> Tensor:
    """Cross-entropy of the sentences and, where it is known, of the answer's first and last token."""
    logits = model(*tensors(batch))
    scores, wanted = [], []
    for row, example in enumerate(batch):
        for (start, end), answers in zip(example.sentences, example.answers, strict=True):
            scores.append(logits[row, start:end, 2].mean())
            wanted.append(float(answers))
    sentence = binary_cross_entropy_with_logits(torch.stack(scores), torch.tensor(wanted))
    masked = logits[..., :2].masked_fill(~_may_answer(batch)[..., None], -1e4)
    first = torch.tensor([example.first for example in batch])
    last = torch.tensor([example.last for example in batch])
    if (first == IGNORED).all():
        return sentence
    token = cross_entropy(masked[..., 0], first, ignore_index=IGNORED)
    return 2 * sentence + 0.5 * (token + cross_entropy(masked[..., 1], last, ignore_index=IGNORED))


def tensors(batch: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids, attention mask and token types, padded to the longest."""
    width = max(len(example.ids) for example in batch)
    ids = torch.tensor([example.ids + [0] * (width - len(example.ids)) for example in batch])
    types = torch.tensor([[int(at >= example.passage_at) for at in range(width)] for example in batch])
    return ids, (ids != 0).long(), types * (ids != 0)


def _may_answer(batch: Sequence[Example]) -> Tensor:
    """True for the tokens of the passage, and for the first token of all, which stands for no answer."""
    width = max(len(example.ids) for example in batch)
    return torch.tensor(
        [[at == 0 or example.passage_at <= at < len(example.ids) - 1 for at in range(width)] for example in batch]
    )


def train(
    model: Reader, found: Sequence[Example], *, rate: float, tokens: int, draw: random.Random, save: Path
) -> None:
    """One pass over the examples, the learning rate rising over the first tenth and falling to nothing."""
    groups = batches(found, tokens, draw)
    learnt = [part for part in model.parameters() if part.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=rate, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=len(groups) + 1, pct_start=0.1, anneal_strategy="linear"
    )
    model.train()
    started, mean = time.monotonic(), 0.0
    for step, batch in enumerate(groups, 1):
        optimiser.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        plan.step()
        mean = 0.98 * mean + 0.02 * loss.item() if step > 1 else loss.item()
        if step % 20 == 0 or step == len(groups):
            seconds = time.monotonic() - started
            left = seconds / step * (len(groups) - step)
            print(f"{step}/{len(groups)}: loss {mean:.3f}, {seconds:.0f} s, {left:.0f} s left", flush=True)
        if step % 300 == 0:
            torch.save(model.state_dict(), save)


def export(model: Reader, out: Path) -> None:
    """The model as int8 ONNX: weights of the linear layers and the embeddings in 8 bits, about 23 MB."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model.eval()
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


def main() -> None:
    """Read the sets, train, export."""
    parser = argparse.ArgumentParser(description="Train the reader.")
    parser.add_argument("sets", nargs="+", type=Path, help="folders as `python -m eval convert` writes them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=20_000, help="questions of one set at most")
    parser.add_argument("--hard", type=int, default=2, help="passages of other documents for each question")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--tokens", type=int, default=3000, help="tokens in a batch")
    parser.add_argument("--seed", type=int, default=13)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    torch.manual_seed(arguments.seed)
    tokenizer = packaged_tokenizer()
    found: list[Example] = []
    for folder in arguments.sets:
        of_set = list(examples(folder, tokenizer=tokenizer, draw=draw, most=arguments.most))
        if arguments.hard:
            of_set += hard_negatives(folder, tokenizer=tokenizer, draw=draw, most=arguments.most, each=arguments.hard)
        print(f"{folder}: {len(of_set)} examples, {sum(len(e.ids) for e in of_set)} tokens", flush=True)
        found += of_set
    model = Reader(packaged_folder())
    if arguments.start:
        model.load_state_dict(torch.load(arguments.start))
    train(model, found, rate=arguments.rate, tokens=arguments.tokens, draw=draw, save=arguments.out.with_suffix(".pt"))
    torch.save(model.state_dict(), arguments.out.with_suffix(".pt"))
    export(model, arguments.out)


if __name__ == "__main__":
    main()
