"""Splits of rows that hang together: what is linked, by anything that two rows share, is never parted."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.contracts.preprocessing import Split
from tasks.data.records import Array
from tasks.data.splits import keyed


def linked(sides: Sequence[Array]) -> Array:
    """Return the group of each row, (rows,) of int; rows are linked where they are equal on any side.

    Args:
        sides: what may be shared, (rows,) each.
    """
    rows, nodes, total = len(sides[0]), list[Array](), 0
    for side in sides:
        _, codes = np.unique(side, return_inverse=True)
        nodes.append(codes + total)
        total += int(codes.max(initial=-1)) + 1
    first = np.tile(nodes[0], len(nodes) - 1)
    edges = coo_array((np.ones(len(first), np.int8), (first, np.concatenate(nodes[1:]))), shape=(total, total))
    _, found = connected_components(edges, directed=False)
    groups: Array = np.unique(found[nodes[0]], return_inverse=True)[1]
    return groups if rows else np.zeros(0, np.int64)


def assign_groups(digests: Array, groups: Array, held_out: Array, given: Array, split: Split) -> Array:
    """Put each group whole into "train", "validation" or "test", (rows,) of str.

    Groups are ranked by a keyed hash of a row's content, so that nearly all stay where they are when rows are
    added. Where the source gives a split, a group with a row for the test goes there, else one with a row for
    validation.

    Args:
        digests: of the rows' contents, (rows,) of void.
        groups: of each row, (rows,) of int from 0; see `linked`.
        held_out: which rows may be in validation or test; a group with one that may not trains, (rows,) of bool.
        given: the split that the source says, (rows,) of str.
        split: fractions of all rows.
    """
    count = int(groups.max(initial=-1)) + 1
    by_content = np.argsort(digests)
    first = by_content[np.unique(groups[by_content], return_index=True)[1]]  # not the least hash: large groups have it
    ranks = keyed(digests[first], split.seed)
    sizes, free = np.bincount(groups, minlength=count), np.ones(count, bool)
    free[groups[~held_out]] = False
    names = np.full(count, "train", "<U10")
    for name, part in (("test", split.test), ("validation", split.validation)):
        if isinstance(part, str):
            chosen = np.setdiff1d(groups[given == name], np.flatnonzero(names != "train"))
        else:
            order = np.flatnonzero(free & (names == "train"))
            order = order[np.argsort(ranks[order], kind="stable")]
            chosen = order[np.cumsum(sizes[order]) <= round(part * len(groups))]
        names[chosen] = name
    assigned: Array = names[groups]
    return assigned
