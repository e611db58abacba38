from eval.command import (
    QUESTIONS,
    SplitChoice,
    anchor,
    anchor_or_drop,
    endure_all,
    fit_weights,
    main,
    measure_scale,
    measure_speed,
)
from eval.formats import convert

__all__ = [
    "QUESTIONS",
    "SplitChoice",
    "anchor",
    "anchor_or_drop",
    "convert",
    "endure_all",
    "fit_weights",
    "main",
    "measure_scale",
    "measure_speed",
]
