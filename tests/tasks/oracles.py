"""What copies and splits of rows in memory mean, said plainly; the code for more rows than memory holds agrees."""

import numpy as np

from tasks.core.params.data import Split
from tasks.data.records import Array
from tasks.data.splits import keyed


def first_of_each(digests: Array, given: Array) -> Array:
    """For each row the one of its content that is kept: of the test split, else of validation, else the first."""
    rank = np.select([given == "test", given == "validation"], [0, 1], default=2)
    order = np.lexsort((np.arange(len(rank)), rank))
    _, first, inverse = np.unique(digests[order], return_index=True, return_inverse=True)
    kept = np.empty(len(order), np.int64)
    kept[order] = order[first[inverse]]
    return kept


def assign(digests: Array, strata: Array, given: Array, split: Split) -> Array:
    """The split of each row, (rows,) of str: of each stratum those with the least ranks, equal ones all or none."""
    ranks = keyed(digests, split.seed)
    assigned = np.where(given == "", "train", given).astype("<U10")
    for name, part in (("test", split.test), ("validation", split.validation)):
        if isinstance(part, str):
            continue
        assigned[given == name] = "train"
        for stratum in np.unique(strata):
            members = np.flatnonzero(strata == stratum)
            free = members[assigned[members] == "train"]
            wanted = round(part * len(members))
            ordered = np.sort(ranks[free])[:wanted]
            if not len(ordered):
                continue
            fewer, more = (ranks[free] < ordered[-1], ranks[free] <= ordered[-1])
            assigned[free[more if more.sum() - wanted <= len(ordered) - fewer.sum() else fewer]] = name
    return assigned
