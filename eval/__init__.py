from eval.command import QUESTIONS, SplitChoice, anchor, main

__all__ = ["QUESTIONS", "SplitChoice", "anchor", "main"]
