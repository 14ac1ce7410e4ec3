"""What the training of a released model cost, estimated from its operators, from the examples that it saw."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# A backward pass costs about two forward passes: gradients of the activations, and of the weights.
FACTOR = 3
SOURCE = "Kaplan et al. 2020, arXiv:2001.08361, section 2.1"
# Trained by `fine_tune` for the comparison alone.
COMPARISON = "from_scratch"


@dataclass(frozen=True)
class Cost:
    """Of one training run.

    Attributes:
        run: its name in the history.
        epochs: done, those after the best one included.
        rows: of the training split that an epoch goes through.
        passes: of an inference's work that an example costs: `FACTOR`, and one more where a teacher answers, too.
        flops: two for each multiply-accumulate.
    """

    run: str
    epochs: int
    rows: int
    passes: int
    flops: int

    @property
    def examples(self) -> int:
        """How many times an example was trained on."""
        return self.epochs * self.rows


def costs(
    macs: int, histories: Mapping[str, Iterable[Mapping[str, Any]]], rows: Mapping[str, int], taught: Iterable[str]
) -> list[Cost]:
    """Return what each run cost that the released model came from, in their order.

    An epoch counts as all rows through all layers: that of a frozen head, and of a last batch that is not full, cost
    less. Validation and fake quantization are not counted.

    Args:
        macs: multiply-accumulates of one inference of the float model.
        histories: rows per epoch with their `run`, by stage: train, fine_tune, compress.
        rows: of the training split of each stage.
        taught: the runs in which a teacher answers beside the labels.
    """
    with_teacher = frozenset(taught)
    found = []
    for stage, history in histories.items():
        runs = [str(row["run"]) for row in history]
        for run in dict.fromkeys(run for run in runs if run != COMPARISON):
            passes = FACTOR + (run in with_teacher)
            examples = runs.count(run) * rows[stage]
            found.append(Cost(run, runs.count(run), rows[stage], passes, 2 * macs * passes * examples))
    return found
