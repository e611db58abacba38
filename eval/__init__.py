from eval.chunking import print_chunking
from eval.command import (
    QUESTIONS,
    SplitChoice,
    anchor,
    anchor_or_drop,
    calibrate_home,
    compare,
    compare_peers,
    endure_all,
    export_rows,
    fit_weights,
    judge_run,
    main,
    measure_scale,
    measure_speed,
    measure_thresholds,
    rank,
    suggest_questions,
)
from eval.curve import print_curve
from eval.formats import FORMATS, convert
from eval.metrics import SEED
from eval.reading import print_reading

__all__ = [
    "FORMATS",
    "QUESTIONS",
    "SEED",
    "SplitChoice",
    "anchor",
    "anchor_or_drop",
    "calibrate_home",
    "compare",
    "compare_peers",
    "convert",
    "endure_all",
    "export_rows",
    "fit_weights",
    "judge_run",
    "main",
    "measure_scale",
    "measure_speed",
    "measure_thresholds",
    "print_chunking",
    "print_curve",
    "print_reading",
    "rank",
    "suggest_questions",
]
