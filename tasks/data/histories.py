"""What a user had rated before each rating, and a split by time: no row is told anything of what came after it."""

from itertools import pairwise

import numpy as np

from tasks.data.records import Array, Columns, objects

USER, ITEM, RATING, TIME = "user", "item_id", "rating", "time"
PAST, PAST_RATINGS, USER_NUMBER = "past", "past_ratings", "user_number"


def past(columns: Columns, validation: float, test: float, min_ratings: int, length: int) -> tuple[Array, Columns]:
    """Go through each user's ratings in the order of their times, and of the file where these are equal.

    What came before counts whatever split it is in: a device knows it at that time.

    Args:
        columns: `user` and `item_id`, (rows,) of str objects, `rating` and `time`, (rows,).
        validation: fraction of a user's ratings, before the test's.
        test: fraction of a user's ratings, the last.
        min_ratings: a user with fewer trains alone.
        length: how many ratings before a row are told, the last ones.

    Returns:
        The split of each row, (rows,) of str, and columns: `past`, the ids, and `past_ratings`, joined by spaces, the
        newest last; `user_number`, (rows,) of int32.
    """
    _, users = np.unique(columns[USER].astype(np.str_), return_inverse=True)
    order = np.lexsort((np.arange(len(users)), columns[TIME], users))
    bounds = [0, *(np.flatnonzero(np.diff(users[order])) + 1).tolist(), len(order)]
    items, ratings = columns[ITEM], [f"{value}" for value in columns[RATING]]
    splits = np.full(len(users), "train", "<U10")
    told = [""] * len(users), [""] * len(users)
    for start, end in pairwise(bounds):
        own = order[start:end].tolist()
        splits[own] = _by_time(len(own), validation, test, min_ratings)
        names = [items[row] for row in own], [ratings[row] for row in own]
        for place, row in enumerate(own):
            for texts, known in zip(told, names, strict=True):
                texts[row] = " ".join(known[max(0, place - length) : place])
    return splits, {
        PAST: objects(told[0]),
        PAST_RATINGS: objects(told[1]),
        USER_NUMBER: users.astype(np.int32),
    }


def _by_time(rows: int, validation: float, test: float, min_ratings: int) -> Array:
    """Return the splits of one user's rows, in the order of their times."""
    splits = np.full(rows, "train", "<U10")
    if rows < min_ratings:
        return splits
    tested, stopped = round(test * rows), round(validation * rows)
    splits[rows - tested - stopped : rows - tested] = "validation"
    splits[rows - tested :] = "test"
    return splits
