"""The Settings tab: how answers are made on this page, and what cannot be changed here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from rag import Settings
from ui import render

_IN_ITS_WORDS, _WRITTEN = "The documents' own words", "A language model"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The components whose values go with every question, in the order of the last fields of `handlers.Wish`."""

    passages: gr.Slider
    sentences: gr.Slider
    threshold: gr.Slider
    answerer: gr.Radio

    @property
    def inputs(self) -> list[Any]:
        """All of them."""
        return [self.passages, self.sentences, self.threshold, self.answerer]


def layout(settings: Settings, facts: Mapping[str, object]) -> Preferences:
    """What is chosen holds for this visit; `settings` are where it begins, and `facts` describe the index."""
    gr.Markdown("These hold for your questions on this page until it is loaded again.")
    has_model = settings.llm != "none"
    answerer = gr.Radio(
        [(_IN_ITS_WORDS, False), *([(_WRITTEN, True)] if has_model else [])],
        value=has_model,
        label="Who answers",
        info="" if has_model else "To have answers written by a language model, set RAG_LLM and start again.",
        elem_id="answerer",
    )
    threshold = gr.Slider(
        0,
        1,
        settings.answer_threshold,
        step=0.01,
        label="How sure it must be",
        info="Below this probability that the documents answer, it says that they do not.",
        elem_id="threshold",
    )
    sentences = gr.Slider(
        1, 10, settings.sentences, step=1, label="Sentences", info="At most so many in an answer.", elem_id="sentences"
    )
    passages = gr.Slider(
        1, 50, settings.passages, step=1, label="Passages", info="An answer is made from so many.", elem_id="passages"
    )
    gr.HTML(render.facts(_known(settings, facts)), elem_id="facts", apply_default_css=False, js_on_load=None)
    return Preferences(passages, sentences, threshold, answerer)


def _known(settings: Settings, facts: Mapping[str, object]) -> dict[str, str]:
    """What the index and its answers are made with; no paths, as the page may be for others too."""
    return {
        "Documents": f"{facts['documents']:,}",
        "Chunks": f"{facts['chunks']:,}",
        "Built with": str(facts["built with"]),
        "Language model": f"{settings.llm} {settings.llm_model}".strip(),
        "Reranker": Path(settings.reranker).name or "none",
        "Model of inference": Path(settings.nli).name or "none",
    }
