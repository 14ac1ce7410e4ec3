"""Translation on a device, token by token, greedy or by beam search.

`encode` takes `source_tokens`, (1, max_tokens) of int32. What it gives, by name, is what `decode_step` takes beside
`previous_token`, (1, 1) of int32; it gives `logits`, (1, vocabulary). Where it also gives a name of `encode`, such
as `state`, the next step takes the new value.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tasks.core.errors import DataError
from tasks.data.records import Array, Columns
from tasks.data.subword_tokenizer import END, PADDING, START
from tasks.tflite.runtime import ExportedFile

ENCODE, DECODE_STEP = "encode", "decode_step"
SOURCE, PREVIOUS, LOGITS = "source_tokens", "previous_token", "logits"


class Hypothesis(NamedTuple):
    """A translation, or the beginning of one; `score` is the sum of the logarithms of its tokens' probabilities."""

    tokens: list[int]
    score: float
    held: Columns

    @property
    def is_over(self) -> bool:
        """Whether its end is reached."""
        return bool(self.tokens) and self.tokens[-1] == END

    @property
    def mean_score(self) -> float:
        """The score of a token: sums would prefer the shorter of two translations."""
        return self.score / max(len(self.tokens), 1)


class Translator:
    """A loaded file of a translator.

    Raises:
        DataError: LiteRT cannot run the file, or it lacks a signature.
    """

    def __init__(self, source: Path | bytes, threads: int) -> None:
        interpreter = ExportedFile(source, threads).interpreter
        signatures = interpreter.get_signature_list()
        if missing := {ENCODE, DECODE_STEP} - set(signatures):
            raise DataError(
                got=f"a file with the signatures {', '.join(sorted(signatures)) or 'none'}",
                expected=", ".join(sorted(missing)), do="export it again",
            )  # fmt: skip
        self._encode: Any = interpreter.get_signature_runner(ENCODE)
        self._decode_step: Any = interpreter.get_signature_runner(DECODE_STEP)
        self.max_tokens = int(self._encode.get_input_details()[SOURCE]["shape"][1])

    def all_greedy(self, sources: Array) -> Array:
        """Return the likeliest token after each, (rows, max_tokens) of int32; padding from a translation's end on.

        Raises:
            DataError: the rows, (rows, max_tokens) of int32, are of another length.
        """
        if sources.shape[1] != self.max_tokens:
            raise DataError(
                got=f"{sources.shape[1]} tokens",
                expected=f"{self.max_tokens} tokens",
                do="encode the sentences with the assets of the same bundle",
            )
        found = np.full((len(sources), self.max_tokens), PADDING, np.int32)
        for row, source in zip(found, sources, strict=True):
            tokens = self.greedy(source)
            row[: len(tokens)] = tokens
        return found

    def greedy(self, source: Array) -> list[int]:
        """Return the tokens of a translation without its end; `source` is (max_tokens,) of int32."""
        tokens = [int(logits.argmax()) for logits in self.steps(source)]
        return tokens[:-1] if tokens[-1] == END else tokens

    def steps(self, source: Array) -> Iterator[Array]:
        """Yield the logits of each token of the greedy translation, (vocabulary,), its end's last."""
        held, tokens = self._encoded(source), list[int]()
        while len(tokens) < self.max_tokens and tokens[-1:] != [END]:
            logits, held = self._step(tokens, held)
            tokens.append(int(logits.argmax()))
            yield logits

    def beam(self, source: Array, width: int) -> list[Hypothesis]:
        """Return the best `width` translations by the mean score of their tokens, the best first."""
        open_, over = [Hypothesis([], 0.0, self._encoded(source))], list[Hypothesis]()
        for _ in range(self.max_tokens):
            best = sorted(
                (longer for one in open_ for longer in self._longer(one, width)), key=lambda one: -one.score
            )[: width - len(over)]  # fmt: skip
            over += [one for one in best if one.is_over]
            open_ = [one for one in best if not one.is_over]
            if not open_:
                break
        return sorted(over + open_, key=lambda one: -one.mean_score)

    def _longer(self, one: Hypothesis, width: int) -> list[Hypothesis]:
        logits, held = self._step(one.tokens, one.held)
        scores = one.score + logits - np.logaddexp.reduce(logits)
        best = np.argsort(-logits, kind="stable")[:width]
        return [Hypothesis([*one.tokens, int(token)], float(scores[token]), held) for token in best]

    def _encoded(self, source: Array) -> Columns:
        return dict(self._encode(**{SOURCE: source[np.newaxis].astype(np.int32)}))

    def _step(self, tokens: list[int], held: Columns) -> tuple[Array, Columns]:
        previous = np.array([[tokens[-1] if tokens else START]], np.int32)
        given = self._decode_step(**{PREVIOUS: previous}, **held)
        logits: Array = given.pop(LOGITS)[0].astype(np.float64)
        return logits, held | given
