"""Rows of texts with one class each: their cleaning, their checks, the tokenizer."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from tasks.core.errors import DataError
from tasks.core.files import read_json, sha256, write_json
from tasks.core.progress import say
from tasks.data import classes
from tasks.data.html_text import without_tags
from tasks.data.names import names_of, spelled
from tasks.data.records import Array, BadRow, Chunk, Columns, Train
from tasks.data.schema import KindData, Schema
from tasks.data.sources.package import packaged_file
from tasks.data.splits import text_digests
from tasks.kinds.text_classification import PackagedTokenizer, Preprocess, Text, TrainedTokenizer

TOKENIZER, FACTS = "tokenizer.json", "facts.json"
PADDING, UNKNOWN = "[PAD]", "[UNK]"


class TextSchema(Schema):
    """Raw texts with one class each."""

    classes: list[str]


def cleaned(text: str, params: Text) -> str:
    """Return a text without control characters, tags and entities of HTML (where requested), and double spaces.

    Tags that are written as entities go, too: a text that is clean already then stays as it is.
    """
    return spelled(without_tags(text) if params.strip_html else text, params.unicode)


def _problem(text: str, name: str, schema: TextSchema, params: Text) -> str:
    if not text:
        return "empty text"
    if len(text) < params.min_characters:
        return f"too short: {len(text)} characters, at least {params.min_characters}"
    if len(text) > params.max_characters:
        return f"too long: {len(text)} characters, at most {params.max_characters}"
    return "" if name in schema.classes else f"unknown class: {name[:100]!r}"


def _class_names(chunk: Chunk) -> list[str]:
    return names_of(chunk.columns["label"].tolist())


def labels_of(columns: Columns) -> set[str]:
    """Return the different class names."""
    return set(columns["label"].tolist())


def texts_of(columns: Columns) -> list[str]:
    """Return the texts."""
    texts: list[str] = columns["text"].tolist()
    return texts


def trained(params: TrainedTokenizer, texts: Iterator[list[str]]) -> Tokenizer:
    """Train a subword tokenizer, byte-pair encoding; equal texts give equal bytes.

    Letters that are unknown become the unknown token.
    The library's WordPiece gives its tokens other numbers in each process, and has no seed.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, fuse_unk=True))
    trainer = trainers.BpeTrainer(vocab_size=params.vocabulary, special_tokens=[PADDING, UNKNOWN], show_progress=False)
    if params.lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def taken(params: PackagedTokenizer) -> Tokenizer:
    """Read a packaged tokenizer; see `fitted`."""
    path = packaged_file(params.package, params.path)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise DataError(got=f"{path}: {error}", expected="a tokenizer.json", do="correct tokenizer.path") from None
    if tokenizer.token_to_id(PADDING) != 0:
        raise DataError(
            got=f"{path}: {PADDING} is token {tokenizer.token_to_id(PADDING)}",
            expected="0, which the models use for padding",
            do="use another tokenizer, or let `preprocess` train one",
        )
    return tokenizer


class Encoder:
    """Good rows as columns on disk: the tokens, the text itself, its class as a number."""

    def __init__(self, assets: Path) -> None:
        self._tokenizer, self._classes = Tokenizer.from_file(str(assets / TOKENIZER)), classes.read(assets)

    def encode(self, columns: Columns) -> Columns:
        """Return `tokens`, (rows, max_tokens) of int32, `text`, and `label`, (rows,) of int32, if there are classes."""
        tokens = [found.ids for found in self._tokenizer.encode_batch(columns["text"].tolist())]
        found = {"tokens": np.array(tokens, np.int32), "text": columns["text"]}
        if "label" in columns:
            found["label"] = classes.numbered(columns["label"], self._classes)
        return found


class TextData(KindData[TextSchema, Preprocess]):
    """Texts with one class each."""

    schema = TextSchema
    target = "label"
    raw = ("text",)
    compared = "text"

    def observe(self, chunks: Iterable[Chunk], kind: str, params: Preprocess) -> TextSchema:
        """Describe the readable rows.

        Raises:
            DataError: there are fewer than two classes.
        """
        names = {name for chunk in chunks if len(chunk) for name in _class_names(chunk)}
        return TextSchema(kind=kind, classes=classes.in_order(names - {""}))

    def good_rows(self, chunk: Chunk, schema: TextSchema, params: Preprocess) -> tuple[Chunk, list[BadRow]]:
        """Divide a chunk into its good rows, normalised, and its bad ones."""
        if not len(chunk):
            return chunk, chunk.unreadable
        texts, names = np.empty(len(chunk), object), np.empty(len(chunk), object)
        texts[:], names[:] = [cleaned(text, params.text) for text in chunk.columns["text"]], _class_names(chunk)
        found = [_problem(*row, schema, params.text) for row in zip(texts, names, strict=True)]
        bad = [BadRow(str(source), reason) for source, reason in zip(chunk.sources, found, strict=True) if reason]
        whole = Chunk({"text": texts, "label": names}, chunk.sources, chunk.given)
        return whole.chosen(np.array([not reason for reason in found]), []), chunk.unreadable + bad

    def content_digests(self, chunk: Chunk) -> Array:
        """Return a digest of each text, (rows,) of void; case and classes do not count."""
        return text_digests(text.casefold() for text in chunk.columns["text"].tolist())

    def strata(self, columns: Columns) -> Array:
        """Return what a split takes its fractions of: the classes, (rows,) of str."""
        return columns["label"].astype(np.str_)

    def fit(self, train: Train, schema: TextSchema, params: Preprocess, assets: Path) -> dict[str, Any]:
        """Train a tokenizer on the training rows, or take a packaged one.

        Raises:
            DataError: a class has no rows; the packaged file is no tokenizer, or its padding is not token 0.
            ParamsError: the package is not installed, or ships no such file.
        """
        classes.require_rows(train.map(labels_of, "label"), schema.classes)
        classes.write(assets, schema.classes)
        wanted = params.tokenizer
        tokenizer = (
            taken(wanted) if isinstance(wanted, PackagedTokenizer) else trained(wanted, train.map(texts_of, "text"))
        )
        tokenizer.no_padding()
        tokenizer.no_truncation()
        longer = sum(
            len(found) > params.max_tokens
            for some in train.map(texts_of, "text")
            for found in tokenizer.encode_batch(some)
        )
        tokenizer.enable_truncation(params.max_tokens)
        tokenizer.enable_padding(length=params.max_tokens, pad_id=0, pad_token=PADDING)
        tokenizer.save(str(assets / TOKENIZER))
        write_json(assets / FACTS, {"text": params.text.model_dump(), "max_tokens": params.max_tokens})
        size, share = tokenizer.get_vocab_size(), longer / max(train.rows, 1)
        say(f"preprocess: {size} tokens; {share:.1%} of the training texts have more than {params.max_tokens} of them")
        return {
            "classes": schema.classes,
            "inputs": {"tokens": {"shape": [params.max_tokens], "dtype": "int32"}},
            "vocabulary": size,
            "encoded_by": sha256(assets / TOKENIZER),
        }

    def parse(self, words: list[str], assets: Path) -> Columns:
        """Read a text, named on the command line.

        Raises:
            DataError: it is empty, or there are several.
        """
        text = cleaned(words[0], Text.model_validate(read_json(assets / FACTS)["text"]))
        if len(words) != 1 or not text:
            raise DataError(
                got=f"{len(words)} texts, the first {text!r}", expected="one text", do="put the text in quotes"
            )
        column = np.empty(1, object)
        column[0] = text
        return {"text": column}

    def encoder(self, assets: Path) -> Encoder:
        """Return what encodes rows by the assets."""
        return Encoder(assets)


DATA = TextData()
