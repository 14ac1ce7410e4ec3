"""Near copies: pictures that were encoded or resized again, texts that differ in a few letters.

Rows of equal content are dropped elsewhere. Those that are almost equal stay, and leak as equal ones would where one
of them trains and another is measured on. They are found in two steps: a fingerprint names candidates, and then the
pictures or texts themselves are compared. The fingerprint of a picture is its reduction to 8 by 8 grey values, as in
the average hash, but compared as numbers: the signs that hashes are made of say nothing of pictures with little
contrast. That of a text is the minima of hashes of its pieces (Broder 1997, MinHash).
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.core.processes import Each
from tasks.data.cleaning import DIGEST, Block, Staged
from tasks.data.deduplication import Deduplicated, sources_in
from tasks.data.records import SPLITS, Array

LIST = "near_copies.csv"
MAX_ROWS = 50_000  # pictures are compared each with each: so many take about a minute
MIN_SIDE = 32  # pixels; in smaller pictures, such as digits, a copy cannot be told from another one that looks alike
COARSE, FINE = 8, 16  # grey values a side
# How much two pictures differ, as a part of their contrast: either will do. Seen coarsely, what a strong reduction
# takes away does not count; seen finely, the traces of a strong compression are outweighed. Of 3,781 pictures of
# clothes, two that are no copies differ by 0.21 coarsely and by 0.26 finely at the least.
MAX_COARSE, MAX_FINE, MAX_CANDIDATE = 0.17, 0.25, 0.3
MAX_NOISE = 1.5  # grey values of 256; so much may come from compression alone, whatever the contrast
ROWS_AT_ONCE, PAIRS_AT_ONCE = 512, 10_000
PIECE = 5  # letters
BANDS, ROWS_OF_A_BAND = 16, 4  # texts that share 0.8 of their pieces become candidates in 9,998 of 10,000 cases
MIN_SHARED = 0.8  # of all different pieces of two texts
ALL_PAIRS = 50  # texts of a bucket; of more, each is compared with the first and with the next
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Prints:
    """What is noted of some rows.

    Attributes:
        candidates: of pictures, (rows, COARSE * COARSE) of float32; of texts a key a band, (rows, bands) of uint64.
        contents: of pictures, (rows, FINE * FINE) of float32; of texts, their pieces as sorted numbers, one array each.
    """

    candidates: Array
    contents: Any


@dataclass(frozen=True)
class NearCopies:
    """Rows that have near copies.

    Attributes:
        rows: their numbers among all good rows, (rows,) of int, ascending.
        groups: of each the number of its group, (rows,) of int.
        left_out: why none were looked for; empty where they were.
    """

    rows: Array
    groups: Array
    left_out: str = ""


def none(reason: str) -> NearCopies:
    """Return that none were looked for, and why."""
    return NearCopies(np.empty(0, np.int64), np.empty(0, np.int64), reason)


def find(each: Each, staged: Staged, unique: Deduplicated, column: str) -> NearCopies:
    """Find the near copies among the unique rows.

    Args:
        each: does it, block by block.
        staged: all good rows.
        unique: those of them that are no copies.
        column: of pictures, (rows, height, width, channels) of uint8, or of texts.
    """
    if unique.rows > MAX_ROWS:
        return none(f"{unique.rows:,} rows: more than {MAX_ROWS:,} would take minutes")
    rows = np.concatenate([records["row"] for records in unique.records()])
    blocks = list(staged.within(rows))
    if not blocks:
        return none("no rows")
    is_text = Block(staged.path(blocks[0][0]))[column].dtype == object
    shape = Block(staged.path(blocks[0][0]))[column].shape
    if not is_text and min(shape[1:3]) < MIN_SIDE:
        return none(
            f"the pictures have fewer than {MIN_SIDE} pixels a side, too few to tell a copy from a like picture"
        )
    parts = list(each(partial(_printed, staged, column), blocks))
    pairs = _text_pairs(parts) if is_text else _picture_pairs(parts)
    return _grouped(rows, pairs)


def _printed(staged: Staged, column: str, block: tuple[int, Array]) -> Prints:
    number, local = block
    values = Block(staged.path(number))[column][local]
    return text_prints(values.tolist()) if values.dtype == object else picture_prints(values)


def _grouped(rows: Array, pairs: Array) -> NearCopies:
    """Put rows together that are linked by pairs, (pairs, 2) of places in `rows`."""
    places = np.unique(pairs)
    edges = coo_array((np.ones(len(pairs), np.int8), tuple(pairs.T)), shape=(len(rows), len(rows)))
    _, found = connected_components(edges, directed=False)
    groups = np.unique(found[places], return_inverse=True)[1] if len(places) else np.empty(0, np.int64)
    return NearCopies(rows[places], groups)


def picture_prints(images: Array) -> Prints:
    """Describe pictures, (rows, height, width, channels) of uint8."""
    channels = images.shape[3]
    gray = np.sum([images[..., channel] / np.float32(channels) for channel in range(channels)], axis=0)
    down, across = _averaging(gray.shape[1]), _averaging(gray.shape[2])
    fine = down @ gray @ across.T
    coarse = fine.reshape(len(fine), COARSE, FINE // COARSE, COARSE, FINE // COARSE).mean(axis=(2, 4))
    return Prints(coarse.reshape(len(fine), -1), fine.reshape(len(fine), -1))


def _averaging(size: int) -> Array:
    """Return the matrix (FINE, size) that brings a line of pixels to FINE of them, each the mean of what it covers."""
    edges = np.linspace(0, size, FINE + 1)
    covered = np.minimum(edges[1:, np.newaxis], np.arange(1, size + 1)) - np.maximum(
        edges[:-1, np.newaxis], range(size)
    )
    return np.asarray(np.maximum(covered, 0) * (FINE / size), np.float32)


def _picture_pairs(parts: list[Prints]) -> Array:
    coarse, fine = (np.concatenate([getattr(part, name) for part in parts]) for name in ("candidates", "contents"))
    squares = np.square(coarse).sum(axis=1)
    most = coarse.shape[1] * np.square(np.maximum(MAX_CANDIDATE * coarse.std(axis=1), MAX_NOISE)) - squares
    # The square of a distance is the sum of both squares less twice the product: one product of matrices and one
    # comparison for all pairs of so many rows.
    left, right = np.column_stack([-2 * coarse, np.ones_like(squares)]), np.column_stack([coarse, squares])
    found = list[Array]()
    for start in range(0, len(coarse), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        first, second = np.nonzero(left[some] @ right[start:].T <= most[some, np.newaxis])
        pairs = np.column_stack([first, second])[second > first] + start
        found.append(pairs[_look_alike(coarse, fine, pairs)])
    return np.concatenate(found)


def _look_alike(coarse: Array, fine: Array, pairs: Array) -> Array:
    """Tell which pairs are almost the same picture, (pairs,) of bool; in parts, which bounds the memory."""
    parts = np.array_split(pairs, len(pairs) // PAIRS_AT_ONCE + 1)
    return np.concatenate([_are_alike(coarse, some, MAX_COARSE) | _are_alike(fine, some, MAX_FINE) for some in parts])


def _are_alike(small: Array, pairs: Array, most: float) -> Array:
    """Tell which pairs differ by no more than a part of the lesser contrast, (pairs,) of bool: root mean square."""
    left, right = small[pairs[:, 0]], small[pairs[:, 1]]
    contrast = np.minimum(left.std(axis=1), right.std(axis=1))
    difference = np.sqrt(np.square(left - right).mean(axis=1))
    return np.asarray(difference <= np.maximum(most * contrast, MAX_NOISE))


def text_prints(texts: list[str]) -> Prints:
    """Describe texts by their pieces of PIECE letters, whatever their case, signs and spaces."""
    pieces = [_pieces(text) for text in texts]
    keys = np.stack([_band_keys(one) for one in pieces]) if pieces else np.empty((0, BANDS), np.uint64)
    return Prints(keys, pieces)


def _pieces(text: str) -> Array:
    """Return the different pieces of a text as numbers, sorted, (pieces,) of uint64; at least one."""
    plain = " ".join(WORD.findall(unicodedata.normalize("NFKC", text).casefold())) or text
    letters = np.frombuffer(plain.ljust(PIECE).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(letters, PIECE)
    return np.unique(_mixed((windows * FACTORS).sum(axis=1, dtype=np.uint64)))


def _mixed(values: Array) -> Array:
    """Return well-spread numbers of 64 bits (Steele et al. 2014, SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


FACTORS = np.random.default_rng(0).integers(1, 1 << 63, PIECE, np.uint64) | np.uint64(1)
SALTS = np.random.default_rng(1).integers(1, 1 << 63, BANDS * ROWS_OF_A_BAND, np.uint64)


def _band_keys(pieces: Array) -> Array:
    """Return a key of each band of a text's MinHash, (bands,) of uint64."""
    minima = _mixed(pieces[:, np.newaxis] ^ SALTS).min(axis=0).reshape(BANDS, ROWS_OF_A_BAND)
    return np.asarray((minima * SALTS[:ROWS_OF_A_BAND]).sum(axis=1, dtype=np.uint64))


def _text_pairs(parts: list[Prints]) -> Array:
    keys = np.concatenate([part.candidates for part in parts])
    pieces = [one for part in parts for one in part.contents]
    candidates = {pair for band in keys.T for pair in _pairs_of_a_band(band)}
    found = [pair for pair in sorted(candidates) if _shared(pieces[pair[0]], pieces[pair[1]]) >= MIN_SHARED]
    return np.array(found, np.int64).reshape(-1, 2)


def _pairs_of_a_band(keys: Array) -> Iterator[tuple[int, int]]:
    """Yield pairs of texts with equal keys."""
    order = np.argsort(keys, kind="stable")
    for bucket in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        members = bucket.tolist()
        if len(members) <= ALL_PAIRS:
            yield from combinations(members, 2)
        else:
            yield from ((members[0], other) for other in members[1:])
            yield from pairwise(members)


def _shared(left: Array, right: Array) -> float:
    """Return the Jaccard index of two sets of pieces."""
    both = len(np.intersect1d(left, right, assume_unique=True))
    return both / (len(left) + len(right) - both)


@dataclass(frozen=True)
class Placed:
    """Near copies and the splits of their rows.

    Attributes:
        found: the near copies.
        splits: of their rows, as places in SPLITS, (rows,) of uint8.
        moved: how many rows are in another split than they would be without them.
        across: groups that are in more than one split.
    """

    found: NearCopies
    splits: Array
    moved: int
    across: int


def place(
    found: NearCopies, staged: Staged, unique: Deduplicated, codes: Iterable[Array], *, together: bool
) -> tuple[list[Array], Placed]:
    """Put each group of near copies whole into one split, that of its row with the least digest.

    The digest has nothing to do with the rank by which rows are chosen, so that large groups are drawn no more often
    into the test split than small ones.

    Args:
        found: near copies.
        staged: all good rows.
        unique: those of them that are no copies.
        codes: the splits of these, as they were drawn.
        together: whether rows are moved.

    Returns:
        The codes, and what became of the near copies.
    """
    parts, numbers = list(codes), [records["row"] for records in unique.records()]
    if not len(found.rows):
        return parts, Placed(found, np.empty(0, np.uint8), 0, 0)
    drawn, rows = np.concatenate(parts), np.concatenate(numbers)
    places = np.searchsorted(rows, found.rows)
    before, after = drawn[places], drawn[places]
    if together:
        digests = staged.take(found.rows, (DIGEST,))[DIGEST]
        order = np.argsort(digests)
        first = order[np.unique(found.groups[order], return_index=True)[1]]
        after = before[first][found.groups]
    drawn = drawn.copy()
    drawn[places] = after
    groups = np.unique(np.column_stack([found.groups, after]), axis=0)[:, 0]
    across = int((np.bincount(groups) > 1).sum())
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(drawn, ends), Placed(found, after, int((before != after).sum()), across)


def write(path: Path, placed: Placed, staged: Staged, unique: Deduplicated) -> dict[str, Any]:
    """Write a line for each row that has near copies; return what `dataset.json` says of them."""
    rows, groups = placed.found.rows, placed.found.groups
    sources = list(sources_in(staged, rows)) if len(rows) else []
    strata = np.concatenate([records["stratum"][np.isin(records["row"], rows)] for records in unique.records()])
    mixed = {group for group in np.unique(groups).tolist() if len(np.unique(strata[groups == group])) > 1}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("group", "source", "split", "classes_differ"))
        for one in np.argsort(groups, kind="stable").tolist():
            group = int(groups[one])
            writer.writerow((group, sources[one], SPLITS[placed.splits[one]], "yes" if group in mixed else "no"))
    return {
        "rows": len(rows), "groups": len(np.unique(groups)), "moved": placed.moved, "across_splits": placed.across,
        "classes_differ": len(mixed), "left_out": placed.found.left_out,
    }  # fmt: skip


def described(summary: dict[str, Any]) -> str:
    """Put into words what `write` returned."""
    if summary["left_out"]:
        return f"near copies were not looked for: {summary['left_out']}"
    if not summary["rows"]:
        return "no near copies"
    apart = f"{summary['across_splits']} groups are in more than one split" if summary["across_splits"] else ""
    moved = f"{summary['moved']} rows were moved to the split of their group" if summary["moved"] else ""
    classes = f"{summary['classes_differ']} groups have rows of different classes" if summary["classes_differ"] else ""
    return "; ".join(
        one
        for one in (f"{summary['rows']} rows in {summary['groups']} groups of near copies", moved, apart, classes)
        if one
    )
