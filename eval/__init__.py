from eval.command import QUESTIONS, SplitChoice, anchor, anchor_or_drop, main
from eval.formats import convert

__all__ = ["QUESTIONS", "SplitChoice", "anchor", "anchor_or_drop", "convert", "main"]
