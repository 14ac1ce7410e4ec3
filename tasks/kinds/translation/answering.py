"""Asking an exported file about sentences."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tokenizers import Tokenizer

from tasks.data import pieces
from tasks.data.records import Array, Columns
from tasks.device.translating import SOURCE, Translator
from tasks.kinds.translation.rows import TOKENIZERS


def answers(source: Path | bytes, inputs: Columns, threads: int) -> Array:
    """Return the tokens of greedy translations, (rows, max_tokens) of int32, with padding behind."""
    return Translator(source, threads).all_greedy(inputs[SOURCE])


def once(source: Path, inputs: Columns) -> Callable[[], None]:
    """Return what translates the first row, from its first token to its end, ready to be timed."""
    translator, row = Translator(source, threads=1), inputs[SOURCE][0]

    def call() -> None:
        translator.greedy(row)

    return call


def told(output: Array, assets: Path) -> str:
    """Return the sentence of a row's tokens."""
    return sentence(output.tolist(), assets)


def sentence(tokens: Iterable[int], assets: Path) -> str:
    """Return the sentence of some tokens."""
    target = Tokenizer.from_file(str(assets / TOKENIZERS["target"]))
    return pieces.joined(tokens, pieces.pieces_of(target))
