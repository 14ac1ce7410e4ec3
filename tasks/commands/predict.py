"""Predicts with a released bundle: `trimline predict release image.png`, `trimline translate release TEXT`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.errors import DataError
from tasks.core.progress import say
from tasks.data.records import Array
from tasks.kinds import data_of, evaluation_of
from tasks.tflite.bundle import ASSETS, MODEL, open_bundle
from tasks.tflite.translator import SOURCE, Hypothesis, Translator

KIND = "translation"
TRANSLATE_DESCRIPTION = """\
Translate with a released bundle by beam search, the best translation first. `trimline predict` translates greedily,
which is what the stage evaluate measures."""


def translated(bundle: Path, sentences: list[str], width: int) -> Iterator[list[tuple[str, Hypothesis]]]:
    """Yield the translations of each sentence, the best first.

    Args:
        bundle: a released one.
        sentences: in the language of its source.
        width: how many beginnings are followed at a time, and how many translations are returned at most.

    Raises:
        DataError: the bundle is no translator, or damaged; a sentence is empty or too long.
    """
    kind = open_bundle(bundle)["kind"]
    if kind != KIND:
        raise DataError(got=f"{bundle} of kind {kind!r}", expected=KIND, do="use `trimline predict`")
    rules, evaluation = data_of(kind), evaluation_of(kind)
    assets, translator = bundle / ASSETS, Translator(bundle / MODEL, threads=1)
    encoder = rules.encoder(assets)
    for sentence in sentences:
        source = encoder.encode(rules.parse([sentence], assets))[SOURCE][0]
        yield [(evaluation.describe(np.array(one.tokens), assets), one) for one in translator.beam(source, width)]


def translate_main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline translate` and return its exit status."""
    example = 'trimline translate release --beam 4 "Where is the station?"'
    parser = parser_of("translate", TRANSLATE_DESCRIPTION, example)
    parser.add_argument("bundle", type=Path, help="a folder with a manifest.json")
    parser.add_argument("--beam", type=int, default=4, choices=range(1, 33), metavar="WIDTH", help="1 to 32")
    parser.add_argument("sentences", nargs="+")
    options = parser.parse_args(arguments)

    def translate_all() -> None:
        found = translated(options.bundle, options.sentences, options.beam)
        for sentence, translations in zip(options.sentences, found, strict=True):
            say(f"{sentence}:")
            for text, one in translations:
                say(f"  {one.mean_score:.3f} {text}")

    return guarded(translate_all, "translate")


DESCRIPTION = """\
Predict with a released bundle. It holds all that is needed to prepare a raw row, so neither params.yaml nor the data
have to be there."""


class Bundle:
    """A released bundle, checked and ready to predict.

    Raises:
        DataError: it lacks a file or holds a changed one.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest: dict[str, Any] = open_bundle(folder)
        kind = self.manifest["kind"]
        self._data, self._evaluation = data_of(kind), evaluation_of(kind)
        self._model, self._assets = folder / MODEL, folder / ASSETS

    def answer(self, words: list[str]) -> Array:
        """Return the file's output, (n,) of float32, for a raw row as a person writes it.

        Raises:
            DataError: the row cannot be read.
        """
        columns = self._data.encoder(self._assets).encode(self._data.parse(words, self._assets))
        inputs = {name: columns[name] for name in self.manifest["interface"]}
        answer: Array = self._evaluation.infer(self._model, inputs, threads=1)[0]
        return answer

    def describe(self, answer: Array) -> str:
        """Return an output as text for people."""
        said = self._evaluation.describe(answer, self._assets)
        return f"unsure: {said}" if self.is_unsure(answer) else said

    def is_unsure(self, answer: Array) -> bool:
        """Tell whether an output is less sure than the answers that keep the error rate that was asked for."""
        threshold = (self.manifest.get("unsure") or {}).get("threshold")  # older bundles do not say it
        return threshold is not None and float(answer.max()) < threshold


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline predict` and return its exit status."""
    parser = parser_of("predict", DESCRIPTION, "trimline predict release image.png")
    parser.add_argument("bundle", type=Path, help="a folder with a manifest.json")
    parser.add_argument("row", nargs="+", help="a path of an image, a text, or name=value for each column of a row")
    options = parser.parse_args(arguments)

    def predict_all() -> None:
        bundle = Bundle(options.bundle)
        named = all("=" in word for word in options.row)  # one row of several columns
        for words in [options.row] if named else [[word] for word in options.row]:
            say(f"{' '.join(words)}: {bundle.describe(bundle.answer(words))}")

    return guarded(predict_all, "predict")


if __name__ == "__main__":
    sys.exit(main())
