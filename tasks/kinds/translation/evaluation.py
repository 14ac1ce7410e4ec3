"""Evaluation of translations: BLEU, chrF by sacrebleu (Post 2018), with their slices."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tasks.core.errors import DataError
from tasks.core.files import write_csv
from tasks.core.params.gates import Baseline, Evaluate
from tasks.data import subword_tokenizer
from tasks.data.columns import Dataset, evenly
from tasks.data.records import Array, Columns
from tasks.kinds.translation import DECODES
from tasks.kinds.translation.data import TOKENIZERS
from tasks.metrics.kind_evaluation import KindEvaluation, Predictions, Scored
from tasks.tflite.translator import SOURCE, Translator

SHOWN = 5


class Translation:
    """A translator's metrics, 0 to 100; see `tasks.metrics.bootstrap.Metrics`.

    Raises:
        DataError: a reference is empty: nothing could be right, and a score would blame the model for it.
    """

    lower_is_better: frozenset[str] = frozenset()
    fractions: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()

    def __init__(self, references: list[str], hypotheses: list[str]) -> None:
        """Take a reference and a hypothesis per row; a hypothesis may be empty, and counts as one."""
        from sacrebleu.metrics.bleu import BLEU  # these are loaded where a file is measured, not where it answers
        from sacrebleu.metrics.chrf import CHRF

        if empty := [row for row, reference in enumerate(references) if not reference.strip()]:
            raise DataError(
                got=f"empty references in rows {', '.join(map(str, empty[:SHOWN]))} ({len(empty)} in all)",
                expected="a translation for each row", do="leave these rows out of the data",
            )  # fmt: skip
        self.rows, self._references, self._hypotheses = len(references), references, hypotheses
        self._metrics = {"bleu": BLEU(), "chrf": CHRF()}

    def values(self) -> dict[str, float | None]:
        """Return sacrebleu's corpus scores."""
        return {
            name: float(metric.corpus_score(self._hypotheses, [self._references]).score)
            for name, metric in self._metrics.items()
        }

    def signatures(self) -> dict[str, str]:
        """Return what makes the scores comparable: tokenizer, smoothing, version."""
        self.values()  # sacrebleu knows the number of references only then
        return {name: str(metric.get_signature()) for name, metric in self._metrics.items()}

    def of_resamples(self, counts: Array, names: Iterable[str] = ("bleu", "chrf")) -> dict[str, Array]:
        """Return the metrics, (resamples,) each, for how often each row is drawn, (rows, resamples).

        Both follow from sums over sentences of matching, given and expected n-grams, which is how sacrebleu's own
        bootstrap has them.
        """
        return {
            name: np.array([
                self._metrics[name]._compute_score_from_stats(sums.tolist()).score
                for sums in np.rint(counts.T.astype(np.float64) @ statistics).astype(np.int64)
            ])
            for name, statistics in self._statistics.items()
            if name in names
        }  # fmt: skip

    @cached_property
    def _statistics(self) -> dict[str, Array]:
        return {
            name: np.array(metric._extract_corpus_statistics(self._hypotheses, [self._references]), np.float64)
            for name, metric in self._metrics.items()
        }


QUARTERS = 4


def lengths(references: list[str]) -> dict[str, Array]:
    """Return which rows are in each quarter of the references' lengths, (rows,) of bool, by its bounds in words."""
    words = np.array([len(text.split()) for text in references])
    bounds = np.unique(np.quantile(words, np.arange(1, QUARTERS) / QUARTERS).astype(int))
    index = np.searchsorted(bounds, words, side="right")
    between = (f"words {low}" if high - low == 1 else f"words {low} to {high - 1}" for low, high in pairwise(bounds))
    names = [f"words < {bounds[0]}", *between]
    return {name: index == number for number, name in enumerate([*names, f"words >= {bounds[-1]}"])}


def sliced(own: Translation, reference: Translation, parts: dict[str, Array], params: Evaluate) -> list[dict[str, Any]]:
    """Measure BLEU in each part; `drop` is which fraction of the reference's is lost.

    Args:
        own: translations of the model.
        reference: translations of float32.
        parts: which rows are in each part, (rows,) of bool, by its name; parts without rows are left out.
        params: of the bootstrap.
    """
    from tasks.metrics.slices import worst_first

    found = [_measured(name, own, reference, part, params) for name, part in parts.items() if part.any()]
    return worst_first(found, "bleu")


def _measured(name: str, own: Translation, reference: Translation, part: Array, params: Evaluate) -> dict[str, Any]:
    from tasks.metrics.bootstrap import percentile_interval, resampled
    from tasks.metrics.slices import slice_record

    rows = np.flatnonzero(part)
    draws = [np.ones((len(rows), 1), np.float32), *resampled(len(rows), params.resamples, params.seed)]
    values, before = (
        np.concatenate([model.of_resamples(_placed(counts, rows, len(part)), ("bleu",))["bleu"] for counts in draws])
        for model in (own, reference)
    )
    lost = np.where(values == before, 0.0, 1 - values / np.maximum(before, 1e-9))
    score = {
        "value": float(values[0]),
        "interval": percentile_interval(values[1:], params.confidence),
        "drop": float(lost[0]),
        "drop_interval": percentile_interval(lost[1:], params.confidence),
    }
    return slice_record(name, len(rows), "bleu", score)


def _placed(counts: Array, rows: Array, total: int) -> Array:
    """Return counts of all rows, of which only some are drawn."""
    placed = np.zeros((total, counts.shape[1]), np.float32)
    placed[rows] = counts
    return placed


EXAMPLES = 20
BATCH = 200  # of test rows: bounds the memory of the similarities at 8 * BATCH * training rows bytes
WORD = r"\w+|[^\w\s]"


def sentences(outputs: Array, metadata: dict[str, Any]) -> list[str]:
    """Return the sentences of tokens, (rows, max_tokens); texts (rows, 1), as baselines give them, stay as they are."""
    if outputs.dtype.kind in "OU":
        return [str(text) for text in outputs[:, 0]]
    return [subword_tokenizer.decode(row, metadata["pieces"]) for row in outputs.astype(int).tolist()]


def _nearest(known: Array, queries: Array) -> Array:
    """Return for each query the index of the known sentence with the most similar words, (queries,) of int."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=WORD, sublinear_tf=True)
    index = words.fit_transform(known.tolist()).T.tocsc()
    wanted = words.transform(queries.tolist())
    best = [
        np.asarray((wanted[start : start + BATCH] @ index).todense()).argmax(axis=1)
        for start in range(0, len(queries), BATCH)
    ]
    return np.concatenate(best)


class TranslationEvaluation(KindEvaluation):
    """Tokens of greedy translations, (rows, max_tokens) of int32, against copies, lookups, known sentences."""

    primary = "bleu"
    lower_is_better = False
    decodes = DECODES

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

    def measure(self, predictions: Predictions) -> dict[str, Any]:
        """Measure a model against a reference on the same rows.

        Args:
            predictions: `truth` are target sentences, (rows,) of str; `own` and `reference` are tokens, (rows,
                max_tokens); `pieces` of `metadata` are the subwords of the tokens.

        Returns:
            `scores`: see `tasks.metrics.bootstrap.compared`; `undefined`: nothing; `agreement_with_float32`: the share
            of equal translations; `slices`: quarters of the targets' lengths and the requested slices, the worst first;
            `signatures`: sacrebleu's.
        """
        from tasks.metrics.bootstrap import compared, wilson
        from tasks.metrics.slices import slice_columns

        targets, params = [str(text) for text in predictions.truth], predictions.params
        translations, expected = (
            sentences(outputs, predictions.metadata) for outputs in (predictions.own, predictions.reference)
        )
        measured, before = Translation(targets, translations), Translation(targets, expected)
        equal = sum(one == other for one, other in zip(translations, expected, strict=True))
        parts = lengths(targets) | slice_columns(predictions.columns, params.slices)
        return {
            "scores": compared(measured, before, params),
            "undefined": {},
            "agreement_with_float32": equal / len(targets),
            "agreement_interval": wilson(equal, len(targets), params.confidence),
            "slices": sliced(measured, before, parts, params),
            "signatures": measured.signatures(),
        }

    def write_tables(self, truth: Array, own: Array, metadata: dict[str, Any], params: Evaluate, folder: Path) -> None:
        """Write some translations beside what they should be, evenly from all rows."""
        chosen = evenly(len(truth), EXAMPLES)
        pairs = zip(truth[chosen], sentences(own[chosen], metadata), strict=True)
        write_csv(folder / "examples.csv", ("reference", "translation"), pairs)

    def score(self, truth: Array, outputs: Array, metadata: dict[str, Any], params: Evaluate) -> Scored:
        """Compute every metric without intervals."""
        from tasks.metrics.bootstrap import Scores

        return Scores(Translation([str(text) for text in truth], sentences(outputs, metadata)).values())

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return translations of the test rows, (rows, 1) of str, by method."""
        from tasks.metrics.baselines import chosen_rows
        from tasks.metrics.word_lookup import WordLookup

        rows = chosen_rows(target, params)
        sources, truths = (target.column("train", side).take(rows) for side in ("source", "target"))
        test_sources = target.column("test", "source").all()
        counts = Counter(target.column("train", "target").all().tolist())
        most = max(sorted(counts), key=lambda text: counts[text])
        lookup = WordLookup(sources.tolist(), truths.tolist())
        looked_up = [[lookup.translate(text)] for text in test_sources.tolist()]
        return {
            "copy": test_sources[:, np.newaxis],
            "most_frequent_translation": np.full((len(test_sources), 1), most, object),
            "word_lookup": np.array(looked_up, object).reshape(-1, 1),
            "nearest_sentence": truths[_nearest(sources, test_sources)][:, np.newaxis],
        }


EVALUATION = TranslationEvaluation()
