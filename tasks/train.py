"""Trains the base model: `dvc repro train`. The default line takes about 20 s and reaches .97 in validation.

With `architecture: own_file` nothing is trained: the model comes from a file.
"""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.contracts import stage
from tasks.contracts.files import replacing
from tasks.contracts.params import Compute, OwnModel, Train
from tasks.contracts.progress import say
from tasks.data import columns
from tasks.reporting.history import write_history


def train(params: Train | OwnModel, compute: Compute, *, data: Path, model: Path, history: Path) -> None:
    """Build the architecture and train it on the base data set; or take a model from a file, with an empty history.

    Raises:
        ParamsError: the batch is larger than the training split.
        DataError: the file of a model is refused, or is for other images or classes.
        StageError: the loss became NaN.
    """
    from tasks.models import saving
    from tasks.models.checkpoint import Checkpoint
    from tasks.models.fitting import fit
    from tasks.models.seeding import seed

    base = columns.load(data)
    facts = saving.facts_of(base)
    checkpoint = Checkpoint("train", params, [data / columns.DATASET])
    architecture = import_module(f"tasks.models.architectures.{params.architecture}")
    if isinstance(params, OwnModel):
        facts = replace(facts, mean=params.mean, std=params.std)
        network, rows = taken(params, architecture, base, facts), []
    else:
        seed(params.fit.seed)
        network = architecture.build(params.filters, tuple(facts.image_shape), len(facts.classes))
        rows = fit(network, base, facts, params.fit, checkpoint, name="train")
    with replacing(model) as folder, replacing(history) as file:
        saving.save(network, facts, folder)
        write_history(file, rows)
    checkpoint.remove()


def taken(params: OwnModel, architecture: Any, base: columns.Dataset, facts: Any) -> Any:
    """Return the network of a file, and say how good it is: a wrong mean, std or order of classes shows there."""
    from tasks.models.own_model import load_own

    own = load_own(Path(params.tracked))
    network = architecture.fitting(own, facts)
    accuracy = architecture.accuracy(network, base, facts)
    say(f"[100%] train: nothing is trained; {own.path} has {accuracy:.4f} of the training rows right")
    return network


if __name__ == "__main__":
    stage.run(train)
