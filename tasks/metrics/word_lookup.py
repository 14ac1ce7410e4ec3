"""A dictionary learnt from pairs of sentences: word for word, the simplest translation there is.

Model 1 of IBM (Brown and others 1993, Computational Linguistics 19:263) by expectation maximisation: how likely each
target word is for each source word, from nothing but which words stand in pairs together.
"""

import re

import numpy as np
from scipy.sparse import csr_matrix

from tasks.data.records import Array

WORD = re.compile(r"\w+(?:['\u2019]\w*)?|[^\w\s]")
ROUNDS = 5
MAX_WORDS = 40  # of a sentence that are looked at: bounds the memory at their square for each pair
MAX_LINKS = 8_000_000  # of a source word to a target word of its pair; later pairs are left out beyond: 300 MB
NOTHING = 0  # the source word that stands for target words without any


def words_of(text: str) -> list[str]:
    """Return the words and signs of a sentence."""
    return WORD.findall(text)[:MAX_WORDS]


class WordLookup:
    """The likeliest target word of each source word; case is ignored in the source, an unknown word is copied."""

    def __init__(self, sources: list[str], targets: list[str]) -> None:
        """Learn from pairs of sentences."""
        source_index: dict[str, int] = {"": NOTHING}
        target_index: dict[str, int] = {}
        links = _links(sources, targets, source_index, target_index)
        likely = _likelihoods(*links, len(source_index), len(target_index))
        best = np.asarray(likely.argmax(axis=1)).ravel()
        names = list(target_index)
        self._known = {word: names[best[index]] for word, index in source_index.items() if index != NOTHING and names}

    def translate(self, text: str) -> str:
        """Return a sentence word for word, signs as close to words as they came."""
        found = " ".join(self._known.get(word.lower(), word) for word in words_of(text))
        return re.sub(r"\s+([.,;:!?])", r"\1", found)


def _links(
    sources: list[str], targets: list[str], source_index: dict[str, int], target_index: dict[str, int]
) -> tuple[Array, Array, Array]:
    """Return source word, target word and place of the target word of each link, (links,) each; fills the indices."""
    parts, places, total = [], 0, 0
    for source, target in zip(sources, targets, strict=True):
        own = [source_index.setdefault(word.lower(), len(source_index)) for word in words_of(source)]
        other = [target_index.setdefault(word, len(target_index)) for word in words_of(target)]
        rows = np.array([NOTHING, *own], np.int32)
        columns = np.array(other, np.int32)
        here = np.arange(places, places + len(other), dtype=np.int32)
        parts.append((np.repeat(rows, len(columns)), np.tile(columns, len(rows)), np.tile(here, len(rows))))
        places, total = places + len(other), total + len(rows) * len(columns)
        if total > MAX_LINKS:
            break
    first, second, third = zip(*parts, strict=True) if parts else ([], [], [])
    empty = np.empty(0, np.int32)
    return np.concatenate([empty, *first]), np.concatenate([empty, *second]), np.concatenate([empty, *third])


def _likelihoods(sources: Array, targets: Array, places: Array, rows: int, columns: int) -> csr_matrix:
    """Return how likely a target word is for a source word, (source words, target words)."""
    keys, link = np.unique(sources.astype(np.int64) * max(columns, 1) + targets, return_inverse=True)
    own, other = keys // max(columns, 1), keys % max(columns, 1)
    likely: Array = np.ones(len(keys))
    for _ in range(ROUNDS):
        weights = likely[link]
        weights /= np.bincount(places, weights)[places]
        totals = np.bincount(link, weights, minlength=len(keys))
        likely = totals / np.bincount(own, totals, minlength=rows)[own]
    return csr_matrix((likely, (own, other)), shape=(rows, columns))
