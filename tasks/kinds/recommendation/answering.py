"""Asking an exported file for ten items, and for the rating of one."""

from pathlib import Path

import numpy as np

from tasks.data.item_index import ItemIndex
from tasks.data.records import Array, Columns
from tasks.device.running import ExportedFile, once
from tasks.metrics.ranking import NONE, listed

__all__ = ["answers", "once", "told"]  # `once` leaves the ten best still to be picked from the scores

BLOCK = 1000  # rows whose scores are held at once
TEN = 10
HIDDEN = -1e8  # scores below are of items that the file hides


def answers(source: Path | bytes, inputs: Columns, threads: int) -> Array:
    """Return the numbers of the ten best items, 0 where there are no more, then the rating: (rows, 11) of float32."""
    file, found = ExportedFile(source, threads), [np.empty((0, TEN + 1), np.float32)]
    for start in range(0, len(inputs["item"]), BLOCK):
        outputs = file.outputs({name: values[start : start + BLOCK] for name, values in inputs.items()})
        scores = np.where(outputs[:, :-1] < HIDDEN, -np.inf, outputs[:, :-1])
        found.append(np.concatenate([listed(scores, TEN), outputs[:, -1:]], axis=1).astype(np.float32))
    return np.concatenate(found)


def told(output: Array, assets: Path) -> str:
    """Write the items, the best first, and the rating, which is that of an unknown item where none was named."""
    index = ItemIndex(assets)
    titles = "; ".join(index.title(int(number)) for number in output[:-1] if number != NONE)
    return f"{titles or 'nothing that is not in the history'}; rating {output[-1]:.1f}"
