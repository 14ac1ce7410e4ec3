"""What simple methods make of sentences."""

from collections import Counter

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from tasks.contracts.judging import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.metrics.simple_methods import chosen_rows

BATCH = 200  # of test rows: bounds the memory of the similarities at 8 * BATCH * training rows bytes
WORD = r"\w+|[^\w\s]"


def baselines(target: Dataset, params: Baseline) -> dict[str, Array]:
    """Return translations of the test rows, (rows, 1) of str, by method."""
    sources, truths = (target.column("train", side).take(chosen_rows(target, params)) for side in ("source", "target"))
    asked = target.column("test", "source").all()
    counts = Counter(target.column("train", "target").all().tolist())
    most = max(sorted(counts), key=lambda text: counts[text])
    return {
        "copy": asked[:, np.newaxis],
        "most_frequent_translation": np.full((len(asked), 1), most, object),
        "nearest_sentence": truths[_nearest(sources, asked)][:, np.newaxis],
    }


def _nearest(known: Array, asked: Array) -> Array:
    """Return the index of the known sentence whose words are most like those of each asked one, (asked,) of int."""
    words = TfidfVectorizer(token_pattern=WORD, sublinear_tf=True)
    index = words.fit_transform(known.tolist()).T.tocsc()
    wanted = words.transform(asked.tolist())
    best = [
        np.asarray((wanted[start : start + BATCH] @ index).todense()).argmax(axis=1)
        for start in range(0, len(asked), BATCH)
    ]
    return np.concatenate(best)
