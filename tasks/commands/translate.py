"""Translates with a released bundle by beam search: `trimline translate release "Where is the station?"`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core.errors import DataError
from tasks.core.progress import say
from tasks.kinds import data_of, evaluation_of
from tasks.tflite.bundle import ASSETS, MODEL, open_bundle
from tasks.tflite.translator import SOURCE, Hypothesis, Translator

KIND = "translation"
DESCRIPTION = """\
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline translate` and return its exit status."""
    example = 'trimline translate release --beam 4 "Where is the station?"'
    parser = parser_of("translate", DESCRIPTION, example)
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


if __name__ == "__main__":
    sys.exit(main())
