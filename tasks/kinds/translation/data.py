"""Rows of sentence pairs: their cleaning, their checks, the tokenizers."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from tasks.core.errors import DataError
from tasks.core.files import read_json, sha256, write_json
from tasks.core.progress import say
from tasks.data import subword_tokenizer
from tasks.data.names import spelled
from tasks.data.records import Array, BadRow, Chunk, Columns, Train
from tasks.data.schema import KindData, Schema
from tasks.data.split_keys import KEY, ranks_of
from tasks.data.splits import Arranged, assign_groups, linked, text_digests
from tasks.kinds.translation import Preprocess, Sentences

SIDES = ("source", "target")
TOKENIZERS, FACTS = {side: f"{side}_tokenizer.json" for side in SIDES}, "facts.json"
LENGTH_SLACK = 10  # characters; see `Sentences.max_length_ratio`


class SentenceSchema(Schema):
    """Pairs of sentences; `characters` are those that are known in each language, in their order."""

    characters: dict[str, str]


def cleaned(text: str, params: Sentences) -> str:
    """Return a sentence without control characters and double spaces; unusual spaces are plain ones."""
    return spelled(text, params.unicode)


def _problem(pair: dict[str, str], known: dict[str, frozenset[str]], params: Sentences) -> str:
    for side, text in pair.items():
        if reason := length_problem(text, params):
            return f"{reason.replace(':', f' {side}:', 1)}" if ":" in reason else f"{reason} {side}"
        if unknown := sorted(set(text) - known[side]):
            return f"unknown characters: {''.join(unknown)[:20]!r} in the {side}"
    short, long = sorted(len(text) + LENGTH_SLACK for text in pair.values())
    if long > params.max_length_ratio * short:
        return f"unequal lengths: {len(pair['source'])} and {len(pair['target'])} characters"
    return ""


def length_problem(text: str, params: Sentences) -> str:
    """Say what is wrong with the length of a sentence, nothing if it is fine."""
    if not text:
        return "empty"
    if len(text) > params.max_characters:
        return f"too long: {len(text)} characters, at most {params.max_characters}"
    if (words := len(text.split())) > params.max_words:
        return f"too long: {words} words, at most {params.max_words}"
    return f"too short: {words} words, at least {params.min_words}" if words < params.min_words else ""


def texts_of(side: str, columns: Columns) -> list[str]:
    """Return the texts of a column."""
    texts: list[str] = columns[side].tolist()
    return texts


class Encoder:
    """Good rows as columns on disk: the tokens of both sentences, and the sentences themselves."""

    def __init__(self, assets: Path) -> None:
        self._tokenizers = {side: Tokenizer.from_file(str(assets / name)) for side, name in TOKENIZERS.items()}
        self._max_tokens = int(read_json(assets / FACTS)["max_tokens"])

    def encode(self, columns: Columns) -> Columns:
        """Return `source_tokens` and `target_tokens`, (rows, max_tokens) of int32, and the texts they are of."""
        found: Columns = {}
        for side, tokenizer in self._tokenizers.items():
            if side in columns:
                found[f"{side}_tokens"] = subword_tokenizer.encode(tokenizer, columns[side].tolist(), self._max_tokens)
                found[side] = columns[side]
        return found


class SentenceData(KindData[SentenceSchema, Preprocess]):
    """Pairs of a sentence and its translation; linked pairs, which share a sentence, are in one split."""

    schema = SentenceSchema
    target = "target"
    raw = ("source",)
    output_assets = (TOKENIZERS["target"],)
    split_columns = SIDES

    def observe(self, chunks: Iterable[Chunk], kind: str, params: Preprocess) -> SentenceSchema:
        """Describe the readable rows.

        Raises:
            DataError: a language has no character in enough rows.
        """
        counts = {side: Counter[str]() for side in SIDES}
        for chunk in chunks:
            for side in SIDES if len(chunk) else ():
                for text in chunk.columns[side].tolist():
                    counts[side].update(set(cleaned(text, params.sentences)))
        least = params.sentences.min_character_rows
        known = {
            side: "".join(sorted(letter for letter, rows in found.items() if rows >= least))
            for side, found in counts.items()
        }
        if empty := [side for side in SIDES if not known[side].strip()]:
            raise DataError(
                got=f"no character in {least} {empty[0]} sentences",
                do="correct preprocess.<role>.columns, or lower sentences.min_character_rows",
            )  # fmt: skip
        return SentenceSchema(kind=kind, characters=known)

    def good_rows(self, chunk: Chunk, schema: SentenceSchema, params: Preprocess) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows, normalised, and its bad ones."""
        if not len(chunk):
            return chunk, chunk.unreadable
        columns = {side: np.empty(len(chunk), object) for side in SIDES}
        for side, texts in columns.items():
            texts[:] = [cleaned(text, params.sentences) for text in chunk.columns[side].tolist()]
        known = {side: frozenset(schema.characters[side]) for side in SIDES}
        pairs = (dict(zip(SIDES, pair, strict=True)) for pair in zip(*columns.values(), strict=True))
        found = [_problem(pair, known, params.sentences) for pair in pairs]
        bad = [BadRow(str(source), reason) for source, reason in zip(chunk.sources, found, strict=True) if reason]
        whole = Chunk(columns, chunk.sources, chunk.given)
        return whole.chosen(np.array([not reason for reason in found]), []), chunk.unreadable + bad

    def content_digests(self, chunk: Chunk) -> Array:
        """Return a digest of each pair, (rows,) of void; upper and lower case are the same."""
        pairs = zip(*(chunk.columns[side].tolist() for side in SIDES), strict=True)
        return text_digests("\0".join(pair).casefold() for pair in pairs)

    def strata(self, columns: Columns) -> Array:
        """Return one stratum for all rows, (rows,)."""
        return np.zeros(len(columns["source"]), np.int8)

    def fit(self, train: Train, schema: SentenceSchema, params: Preprocess, assets: Path) -> dict[str, Any]:
        """Train a tokenizer for each language on the training rows."""
        wanted, vocabulary, longer = params.tokenizers, dict[str, int](), dict[str, float]()
        for side in SIDES:
            texts = train.map(partial(texts_of, side), side)
            lowercase = side == "source" and wanted.lowercase_source
            tokenizer = subword_tokenizer.train_tokenizer(texts, wanted.vocabulary, lowercase=lowercase)
            tokenizer.save(str(assets / TOKENIZERS[side]))
            counted = (
                one for texts in train.map(partial(texts_of, side), side) for one in tokenizer.encode_batch(texts)
            )
            cut = sum(len(one) >= params.max_tokens for one in counted)
            vocabulary[side], longer[side] = tokenizer.get_vocab_size(), cut / max(train.rows, 1)
        write_json(assets / FACTS, {"sentences": params.sentences.model_dump(), "max_tokens": params.max_tokens})
        shares = ", ".join(f"{side} {share:.1%}" for side, share in longer.items())
        say(f"preprocess: {vocabulary} tokens; sentences that are cut off at {params.max_tokens} tokens: {shares}")
        return {
            "inputs": {"source_tokens": {"shape": [params.max_tokens], "dtype": "int32"}},
            "vocabulary": vocabulary,
            "pieces": subword_tokenizer.subwords_of(tokenizer),
            "encoded_by": [sha256(assets / name) for name in TOKENIZERS.values()],
        }

    def split_together(self, columns: Columns, digests: Array, given: Array, params: Preprocess) -> Arranged:
        """Divide pairs into splits so that no sentence, in either language and whatever its case, is in two of them."""
        split = params.split
        folded = [np.array([text.casefold() for text in columns[side].tolist()], object) for side in SIDES]
        keys = columns.get(KEY)
        shared = [keys.astype(np.str_)] if keys is not None and split.group else []
        groups = linked([*(text_digests(texts) for texts in folded), *shared])
        words = np.array([len(text.split()) for text in columns["source"].tolist()])
        fits = (words >= split.min_words) & (np.bincount(groups)[groups] <= split.max_linked)
        if split.by:  # large groups are what was asked for
            fits = words >= split.min_words if split.time else np.ones(len(words), bool)
        ranks = ranks_of(keys, split) if keys is not None and split.time else None
        return Arranged(assign_groups(digests, groups, fits, given, split, ranks))

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read a sentence, named on the command line.

        Raises:
            DataError: it is empty or too long, or there are several.
        """
        params = Sentences.model_validate(read_json(assets / FACTS)["sentences"])
        text = cleaned(words[0], params)
        if len(words) != 1 or (problem := length_problem(text, params)):
            raise DataError(
                got=f"{len(words)} sentences" if len(words) != 1 else f"a sentence that is {problem}: {text[:40]!r}",
                expected="one sentence, as in the training data", do="put it in quotes, and split a long text",
            )  # fmt: skip
        column = np.empty(1, object)
        column[0] = text
        return {"source": column}

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets."""
        return Encoder(assets)


DATA = SentenceData()
