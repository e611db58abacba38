"""The JSON of a run → what ragas makes of it, with the language model of our settings as its judge.

ragas (Es et al., RAGAs: Automated Evaluation of Retrieval Augmented Generation, EACL 2024) asks a model what it thinks
of an answer; its metrics are for those who have one that they trust. The rows are made without ragas.
"""

import asyncio
import os
import warnings
from collections.abc import Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import rag
from eval.dataset import Entry
from eval.run import Progress, Run, figure
from rag.errors import ConfigError, ModelError
from rag.models.embed import question_encoder
from rag.models.llm import language_model, replies

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

METRICS: Mapping[str, str] = {  # name → class of ragas 0.4
    "faithfulness": "Faithfulness",
    "answer_relevancy": "ResponseRelevancy",
    "context_precision": "LLMContextPrecisionWithReference",
    "context_recall": "LLMContextRecall",
    "answer_correctness": "AnswerCorrectness",
    "factual_correctness": "FactualCorrectness",
    "semantic_similarity": "SemanticSimilarity",
    "context_entity_recall": "ContextEntityRecall",
    "noise_sensitivity": "NoiseSensitivity",
}
USUAL = ("faithfulness", "answer_relevancy", "context_precision", "context_recall")  # what ragas takes unless told

_REPLY = 2000  # tokens at least: a verdict on each statement of an answer is longer than the answer
_SYSTEM = "Follow the instruction to the letter, and write in the format that it asks for and nothing else."
_NO_JUDGE = (
    "ragas asks a language model, and none is set: set RAG_LLM and what it needs (docs/language-models.md)."
    " Without one, --export FILE.jsonl writes the rows for ragas to read elsewhere."
)
_NO_RAGAS = (
    "ragas cannot be loaded ({error}). Install it in an environment of its own, without constraints.txt:"
    " pip install -e '.[llm,ragas]'. Or write the rows for it: --export FILE.jsonl"
)


def rows(run: Run) -> dict[str, Entry]:
    """Question id → the row of ragas' EvaluationDataset; questions that the documents do not answer have none.

    A follow-up is asked as it was understood, because a row has no conversation.
    """
    return {
        record["id"]: {
            "user_input": record["evidence"]["asked"] or record["question"],
            "response": record["answer"]["text"],
            "retrieved_contexts": [passage["text"] for passage in record["evidence"]["passages"]],
            "reference": record["reference"],
            "reference_contexts": [place["quote"] for part in record["gold"] for place in part],
        }
        for record in run["records"]
        if record["kind"] != "unanswerable"
    }


def judge(
    rows: Mapping[str, Entry],
    names: Sequence[str],
    settings: rag.Settings,
    *,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Each metric's mean with its interval, and its score of each row, as plain JSON values; null where it failed.

    Raises ConfigError without a judge, without ragas, or for a metric that is not one of `METRICS`.
    """
    if strange := [name for name in names if name not in METRICS]:
        raise ConfigError(f"{', '.join(strange)} is no metric of these: {', '.join(METRICS)}.")
    if settings.llm == "none":
        raise ConfigError(_NO_JUDGE)
    metrics = _metrics(names, settings)
    scores = asyncio.run(_scores(rows, metrics, progress))
    return {
        "judge": settings.llm_model,
        "seed": seed,
        "figures": {name: figure([row[name] for row in scores.values()], seed=seed) for name in names},
        "records": {
            key: {name: None if score != score else round(score, 6) for name, score in row.items()}
            for key, row in scores.items()
        },
    }


def _metrics(names: Sequence[str], settings: rag.Settings) -> dict[str, Any]:
    """ragas' metrics, asking our model and encoding with our embedder."""
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # ragas 0.4 reports each use to its makers else
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ragas 0.4 has these names marked as old ones, and what it imports has too
        try:
            import ragas.metrics
            from ragas.run_config import RunConfig
        except ImportError as error:
            raise ConfigError(_NO_RAGAS.format(error=error)) from error
        metrics = {name: getattr(ragas.metrics, METRICS[name])() for name in names}
    ours = {"llm": _judge(settings), "embeddings": _embeddings(settings)}
    for metric in metrics.values():
        for part, value in ours.items():
            if hasattr(metric, part):
                setattr(metric, part, value)
        metric.init(RunConfig(max_retries=1))  # our own client has tried again already
    return metrics


async def _scores(
    rows: Mapping[str, Entry], metrics: Mapping[str, Any], progress: Progress
) -> dict[str, dict[str, float]]:
    """Question id → metric → score, nan where the judge failed or its reply could not be used.

    One request at a time: a model on this machine can do no more. A judge that fails at the first row fails the run.
    """
    from ragas.dataset_schema import SingleTurnSample

    scores: dict[str, dict[str, float]] = {}
    for key, row in rows.items():
        sample = SingleTurnSample(**row)
        try:
            found = {name: await _score(metric, sample) for name, metric in metrics.items()}
        except ModelError:
            if not scores:
                raise
            found = dict.fromkeys(metrics, nan)
        scores[key] = found
        progress(len(scores), len(rows))
    return scores


async def _score(metric: Any, sample: Any) -> float:
    from ragas.exceptions import RagasException

    try:
        return float(await metric.single_turn_ascore(sample))
    except (RagasException, ValueError, ArithmeticError, LookupError):  # what was said is not in the form it asked for
        return nan


def _judge(settings: rag.Settings) -> Any:
    """Our language model as ragas asks one.

    Its own wrapper of llama-index models passes `n` to every client, which Anthropic's refuses.
    """
    from langchain_core.outputs import Generation, LLMResult
    from ragas.llms.base import BaseRagasLLM

    roomy = settings.model_copy(update={"llm_reply": max(settings.llm_reply, _REPLY)})
    llm = language_model(roomy)

    class Judge(BaseRagasLLM):  # type: ignore[misc]  # ragas is optional, and without types here
        def generate_text(self, prompt: Any, *_: Any, **__: Any) -> LLMResult:
            said = _said(llm, prompt.to_string(), roomy)
            return LLMResult(generations=[[Generation(text=said)]])

        async def agenerate_text(self, prompt: Any, *_: Any, **__: Any) -> LLMResult:
            return self.generate_text(prompt)

        def is_finished(self, response: LLMResult) -> bool:
            return True

    return Judge()


def _said(llm: "LLM", prompt: str, settings: rag.Settings) -> str:
    *_, said = ("", *replies(llm, _SYSTEM, prompt, reply=settings.llm_reply, timeout=settings.llm_timeout))
    return said.rpartition("</think>")[2]


def _embeddings(settings: rag.Settings) -> Any:
    from ragas.embeddings.base import BaseRagasEmbeddings

    encode = question_encoder(settings)

    class Embeddings(BaseRagasEmbeddings):  # type: ignore[misc]  # as above
        def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
            vectors: list[list[float]] = encode(list(texts)).tolist()
            return vectors

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

        async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
            return self.embed_documents(texts)

        async def aembed_query(self, text: str) -> list[float]:
            return self.embed_query(text)

    return Embeddings()
