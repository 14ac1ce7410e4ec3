"""The metrics of translations: BLEU and chrF of the sentences themselves, not of their tokens."""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts.judging import Evaluate
from tasks.data import pieces
from tasks.data.records import Array
from tasks.metrics.compared import Scores, compared
from tasks.metrics.curves import write_rows
from tasks.metrics.slices import asked
from tasks.metrics.text_slices import lengths, sliced
from tasks.metrics.translation import Translation

PRIMARY, LOWER_IS_BETTER = "bleu", False
EXAMPLES = 20


def sentences(outputs: Array, facts: dict[str, Any]) -> list[str]:
    """Return the sentences of tokens, (rows, max_tokens); texts (rows, 1), as baselines give them, stay as they are."""
    if outputs.dtype.kind in "OU":
        return [str(text) for text in outputs[:, 0]]
    return [pieces.joined(row, facts["pieces"]) for row in outputs.astype(int).tolist()]


def measure(
    truth: Array, own: Array, reference: Array, facts: dict[str, Any], columns: dict[str, Array], params: Evaluate
) -> dict[str, Any]:
    """Measure a model against a reference on the same rows.

    Args:
        truth: target sentences, (rows,) of str.
        own: tokens of the model's translations, (rows, max_tokens).
        reference: those of the float32 model.
        facts: of the data set; `pieces` are those of the tokens.
        columns: what the slices ask for, (rows,) each, by name.
        params: of the stage.

    Returns:
        `scores`: see `tasks.metrics.compared.compared`; `undefined`: nothing; `agreement_with_float32`: the share of
        equal translations; `slices`: quarters of the targets' lengths and what is asked for, the worst first;
        `signatures`: sacrebleu's.
    """
    targets = [str(text) for text in truth]
    translations, expected = sentences(own, facts), sentences(reference, facts)
    measured, before = Translation(targets, translations), Translation(targets, expected)
    return {
        "scores": compared(measured, before, params),
        "undefined": {},
        "agreement_with_float32": float(
            np.mean([one == other for one, other in zip(translations, expected, strict=True)])
        ),
        "slices": sliced(measured, before, lengths(targets) | asked(columns, params.slices), params),
        "signatures": measured.signatures(),
    }


def write_tables(truth: Array, own: Array, facts: dict[str, Any], params: Evaluate, folder: Path) -> None:
    """Write some translations beside what they should be, evenly from all rows."""
    chosen = np.unique(np.linspace(0, len(truth) - 1, EXAMPLES).round().astype(int))
    pairs = zip(truth[chosen], sentences(own[chosen], facts), strict=True)
    write_rows(folder / "examples.csv", ("reference", "translation"), pairs)


def scored(truth: Array, outputs: Array, facts: dict[str, Any], params: Evaluate) -> Scores:
    """Compute every metric without intervals."""
    return Scores(Translation([str(text) for text in truth], sentences(outputs, facts)).values())
