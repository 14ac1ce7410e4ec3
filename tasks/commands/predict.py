"""Predicts with a released bundle: `trimline predict release image.png`, or "a text", or the values of a row."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.progress import say
from tasks.data.records import Array
from tasks.kinds import data_of, evaluation_of
from tasks.tflite.bundle import ASSETS, MODEL, open_bundle

DESCRIPTION = """\
Predict with a released bundle. It holds all that is needed to prepare a raw row, so neither params.yaml nor the data
have to be there."""


class Bundle:
    """A released bundle, checked and ready to be asked.

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

    def told(self, answer: Array) -> str:
        """Write an output for people."""
        return self._evaluation.describe(answer, self._assets)


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
            say(f"{' '.join(words)}: {bundle.told(bundle.answer(words))}")

    return guarded(predict_all, "predict")


if __name__ == "__main__":
    sys.exit(main())
