"""The subword tokenizer of translation: byte-exact both ways."""

from collections.abc import Iterable, Iterator

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from tasks.data.records import Array

PADDING, UNKNOWN, START, END = range(4)
SPECIAL = ["[PAD]", "[UNK]", "[START]", "[END]"]
SPACE, APOSTROPHES = "▁", "'\u2019"


def train_tokenizer(sentences: Iterator[list[str]], vocabulary: int, *, lowercase: bool) -> Tokenizer:
    """Train byte-pair encoding; equal sentences give equal bytes.

    The first subword of a word begins with a mark for the space before it, so that joined subwords give the sentence.
    Punctuation marks are subwords by themselves; an apostrophe ends one, as in l'eau.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[UNKNOWN], fuse_unk=True))
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(),
        pre_tokenizers.Split(Regex(rf"[^\w{APOSTROPHES}{SPACE}\s]"), "isolated"),
        pre_tokenizers.Split(Regex(rf"[{APOSTROPHES}]"), "merged_with_previous"),
    ])  # fmt: skip
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(sentences, trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, sentences: list[str], max_tokens: int) -> Array:
    """Return tokens, each sentence's end and then padding behind it: (rows, max_tokens) of int32.

    Of a sentence with more tokens the rest is cut off, and its end with it.
    """
    tokens = np.full((len(sentences), max_tokens), PADDING, np.int32)
    for row, found in zip(tokens, tokenizer.encode_batch(sentences), strict=True):
        ids = [*found.ids, END][:max_tokens]
        row[: len(ids)] = ids
    return tokens


def subwords_of(tokenizer: Tokenizer) -> list[str]:
    """Return the subword of each token, in the order of the tokens."""
    return [str(tokenizer.id_to_token(number)) for number in range(tokenizer.get_vocab_size())]


def decode(tokens: Iterable[int], subwords: list[str]) -> str:
    """Return the sentence that tokens encode; special tokens are left out."""
    text = "".join(subwords[token] for token in tokens if token > END)
    return text.replace(SPACE, " ").strip()
