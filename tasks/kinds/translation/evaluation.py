"""Evaluation of translations by BLEU with chrF, of sentences instead of tokens."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tasks.core.params.gates import Baseline, Evaluate
from tasks.data import subword_tokenizer
from tasks.data.columns import Dataset
from tasks.data.records import Array, Columns
from tasks.kinds.translation.data import TOKENIZERS
from tasks.metrics.kind_evaluation import KindEvaluation, Scored
from tasks.tflite.translator import SOURCE, Translator

EXAMPLES = 20
BATCH = 200  # of test rows: bounds the memory of the similarities at 8 * BATCH * training rows bytes
WORD = r"\w+|[^\w\s]"


def sentences(outputs: Array, metadata: dict[str, Any]) -> list[str]:
    """Return the sentences of tokens, (rows, max_tokens); texts (rows, 1), as baselines give them, stay as they are."""
    if outputs.dtype.kind in "OU":
        return [str(text) for text in outputs[:, 0]]
    return [subword_tokenizer.decode(row, metadata["pieces"]) for row in outputs.astype(int).tolist()]


def _nearest(known: Array, asked: Array) -> Array:
    """Return the index of the known sentence whose words are most like those of each asked one, (asked,) of int."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=WORD, sublinear_tf=True)
    index = words.fit_transform(known.tolist()).T.tocsc()
    wanted = words.transform(asked.tolist())
    best = [
        np.asarray((wanted[start : start + BATCH] @ index).todense()).argmax(axis=1)
        for start in range(0, len(asked), BATCH)
    ]
    return np.concatenate(best)


class TranslationEvaluation(KindEvaluation):
    """Tokens of greedy translations, (rows, max_tokens) of int32, against a copy and the nearest known sentence."""

    primary = "bleu"
    lower_is_better = False
    decodes = True

    def infer(self, source: Path | bytes, inputs: Columns, threads: int) -> Array:
        """Return the tokens of greedy translations, (rows, max_tokens) of int32, with padding behind."""
        return Translator(source, threads).all_greedy(inputs[SOURCE])

    def timed_call(self, source: Path, inputs: Columns) -> Callable[[], None]:
        """Return what translates the first row, from its first token to its end, ready to be timed."""
        translator, row = Translator(source, threads=1), inputs[SOURCE][0]

        def call() -> None:
            translator.greedy(row)

        return call

    def describe(self, output: Array, assets: Path) -> str:
        """Return the sentence of a row's tokens."""
        target = Tokenizer.from_file(str(assets / TOKENIZERS["target"]))
        return subword_tokenizer.decode(output.tolist(), subword_tokenizer.subwords_of(target))

    def measure(
        self,
        truth: Array,
        own: Array,
        reference: Array,
        metadata: dict[str, Any],
        columns: dict[str, Array],
        params: Evaluate,
    ) -> dict[str, Any]:
        """Measure a model against a reference on the same rows.

        Args:
            truth: target sentences, (rows,) of str.
            own: tokens of the model's translations, (rows, max_tokens).
            reference: those of the float32 model.
            metadata: of the data set; `pieces` are those of the tokens.
            columns: what the slices ask for, (rows,) each, by name.
            params: of the stage.

        Returns:
            `scores`: see `tasks.metrics.bootstrap.compared`; `undefined`: nothing; `agreement_with_float32`: the share
            of equal translations; `slices`: quarters of the targets' lengths and what is asked for, the worst first;
            `signatures`: sacrebleu's.
        """
        from tasks.metrics.bootstrap import compared
        from tasks.metrics.classifier import slice_columns
        from tasks.metrics.translation import Translation, lengths, sliced

        targets = [str(text) for text in truth]
        translations, expected = sentences(own, metadata), sentences(reference, metadata)
        measured, before = Translation(targets, translations), Translation(targets, expected)
        return {
            "scores": compared(measured, before, params),
            "undefined": {},
            "agreement_with_float32": float(
                np.mean([one == other for one, other in zip(translations, expected, strict=True)])
            ),
            "slices": sliced(measured, before, lengths(targets) | slice_columns(columns, params.slices), params),
            "signatures": measured.signatures(),
        }

    def write_tables(self, truth: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
        """Write some translations beside what they should be, evenly from all rows."""
        from tasks.metrics.classifier import write_rows

        chosen = np.unique(np.linspace(0, len(truth) - 1, EXAMPLES).round().astype(int))
        pairs = zip(truth[chosen], sentences(own[chosen], metadata), strict=True)
        write_rows(folder / "examples.csv", ("reference", "translation"), pairs)

    def score(self, truth: Array, outputs: Array, metadata: dict[str, Any], params: Evaluate) -> Scored:
        """Compute every metric without intervals."""
        from tasks.metrics.bootstrap import Scores
        from tasks.metrics.translation import Translation

        return Scores(Translation([str(text) for text in truth], sentences(outputs, metadata)).values())

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return translations of the test rows, (rows, 1) of str, by method."""
        from tasks.metrics.baselines import chosen_rows

        rows = chosen_rows(target, params)
        sources, truths = (target.column("train", side).take(rows) for side in ("source", "target"))
        asked = target.column("test", "source").all()
        counts = Counter(target.column("train", "target").all().tolist())
        most = max(sorted(counts), key=lambda text: counts[text])
        return {
            "copy": asked[:, np.newaxis],
            "most_frequent_translation": np.full((len(asked), 1), most, object),
            "nearest_sentence": truths[_nearest(sources, asked)][:, np.newaxis],
        }


EVALUATION = TranslationEvaluation()
