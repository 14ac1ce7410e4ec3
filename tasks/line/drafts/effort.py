"""How much training fits into ten minutes: start, epochs, recipes, by kind of work.

The seconds are of two cores of an x86-64 server of 2025 (AVX-512); an estimate is a range of half to twice of that.
"""

from dataclasses import dataclass

from tasks.line.drafts.draft import Key

STAGE_SECONDS = 4.0  # DVC, Python and the reading of data, of a stage
TENSORFLOW_SECONDS = 7.0  # its import, in each of the stages that train or convert
STAGES, STAGES_A_RECIPE = 10, 4
TARGET = [Key("tracked", "plan/train.json"), Key("data", "target")]
FEW_PICTURES, MANY_PICTURES = 1_500, 6_000
FEW_TEXTS = 1_500
FEW_ROWS = 500  # of a table: a leaf of a tree has at least 20 of them
SMALLER = "half of the weights zero: a smaller zip"
STOPS = "stops by itself after `patience` epochs without progress"
SMALL_PICTURE = 48  # pixels of a side: such are drawings of digits, and no network for photographs helps


@dataclass(frozen=True)
class Effort:
    """What is trained, and how long it takes.

    Attributes:
        sections: of `params.yaml`.
        preprocess: keys for `preprocess.target`.
        why: the start, and why, in a sentence.
        seconds: of a whole run, about.
    """

    sections: list[Key]
    preprocess: list[Key]
    why: str
    seconds: float

    @property
    def minutes(self) -> tuple[float, float]:
        """From and to, in minutes."""
        return self.seconds / 120, self.seconds / 30


def _overhead(recipes: int, converting: int = 2) -> float:
    stages = STAGES + recipes * STAGES_A_RECIPE
    return stages * STAGE_SECONDS + (2 + converting * recipes) * TENSORFLOW_SECONDS


def _recipes(*names: str, comment: str = "") -> Key:
    keys = [Key(name, {}) for name in names]
    keys[-1] = Key(names[-1], {}, comment)
    return Key("compress", keys)


def of_photographs(rows: int) -> Effort:
    """Return the effort for photographs: ImageNet's weights, of which as much is trained as the time allows."""
    forward, backward = 0.006, 0.018  # seconds for a picture of 96x96 on two cores
    head = 5 if rows <= FEW_PICTURES else 3 if rows <= MANY_PICTURES else 1
    deep = 6 if rows <= FEW_PICTURES else 3 if rows <= MANY_PICTURES // 2 else 1 if rows <= MANY_PICTURES else 0
    fine_tune: list[Key] = [
        Key("head", {"epochs": head, "augment": {"max_shift": 6, "flip": True}}, "flip: false for letters"),
        Key("all_layers", {"epochs": max(deep, 1), "learning_rate": 0.0003}, "more epochs where there is time"),
        Key("from_scratch_learning_rate", None, "0.003 also trains without ImageNet's weights, in twice the time"),
    ]  # fmt: skip
    train = Key(
        "train", [Key("architecture", "efficientnet_lite0", "conv_net trains a small network from scratch"), *TARGET]
    )
    seconds = rows * (head * forward + deep * backward + 0.05)
    return Effort(
        [Key("compute", {"threads": 2}), train, Key("fine_tune", fine_tune),
         Key("cross_validate", None, "{} measures every picture once, at five times the time"),
         _recipes("float32", "dynamic", "int8", comment="more: docs/how-to/change-a-recipe.md")],
        [Key("image_shape", [96, 96, 3], "(height, width, channels); 160 sees smaller things, three times as slow")],
        "starts from EfficientNet-Lite0, which has learnt from a million photographs (ImageNet)",
        _overhead(3) + seconds,
    )  # fmt: skip


def of_small_pictures(rows: int, shape: tuple[int, int, int]) -> Effort:
    """Return the effort for pictures of a few pixels: a small network from scratch."""
    epochs = max(4, min(30, round(25 * 5_000 / max(rows, 1)))) if rows > 5_000 else 30
    per_row = 0.0004 * max(1.0, shape[0] * shape[1] / 784)
    train = Key(
        "train",
        [
            *TARGET,
            Key("filters", _filters(shape)),
            Key(
                "fit",
                {"epochs": epochs, "batch_size": 32, "augment": {"max_shift": max(1, shape[0] // 14)}},
                "flip: true where left and right do not matter",
            ),
        ],
    )
    return Effort(
        [train, Key("cross_validate", None),
         _recipes("float32", "int8", "qat_int8", comment="more: docs/how-to/change-a-recipe.md")],
        [Key("image_shape", list(shape), "(height, width, channels)")],
        f"starts from scratch: pictures of {shape[1]}x{shape[0]} need no network for photographs",
        _overhead(3) + rows * epochs * per_row * 2,
    )  # fmt: skip


def _filters(shape: tuple[int, int, int]) -> list[int]:
    return [16, 32, 48] if min(shape[:2]) < 40 else [16, 32, 48, 64]


def of_texts(rows: int, english: bool) -> Effort:
    """Return the effort for texts: MiniLM for few English ones, else a small network, of half a megabyte at most."""
    return _of_few_texts(rows) if english and rows <= FEW_TEXTS else _of_many_texts(rows)


def _of_few_texts(rows: int) -> Effort:
    forward, backward, epochs = 0.015, 0.03, 4  # seconds for a text of 40 tokens on two cores
    fine_tune = [
        Key("head", {"epochs": 2}),
        Key("all_layers", {"epochs": epochs}, "more epochs where there is time"),
        Key("from_scratch_learning_rate", None, "0.00005 also trains without MiniLM's weights, in twice the time"),
    ]
    train = Key("train", [Key("architecture", "minilm", "separable_text is small, and trains from scratch"), *TARGET])
    return Effort(
        [Key("compute", {"threads": 2}), train, Key("fine_tune", fine_tune), Key("cross_validate", None),
         _recipes("float32", "dynamic", comment="a quarter of the size")],
        [],
        "starts from MiniLM, which has learnt from a billion English sentences: a file of 23 MB; "
        "`architecture: separable_text` is a file of less than half a megabyte, from scratch",
        _overhead(2) + rows * (4 * forward + epochs * backward) + 60,
    )  # fmt: skip


def _of_many_texts(rows: int) -> Effort:
    epochs = 25 if rows <= 10_000 else max(4, round(25 * 10_000 / rows))
    fit = {"epochs": epochs, "patience": 5}
    linear = Key("linear", True, "a score of each token for each class, as a linear model has; false: a smaller file")
    train = Key("train", [*TARGET, linear, Key("fit", fit, STOPS)])
    return Effort(
        [train, _recipes("float32", "dynamic", "pruned_dynamic", comment=SMALLER)],
        [Key("tokenizer", {"vocabulary": 8000, "lowercase": True}, "4000: a file of half the size, less exact")],
        "starts from scratch; `architecture: minilm` under train starts from a language model of 22.6 million weights, "
        "for English: minutes to an hour of training, 23 MB",
        _overhead(3) + rows * (epochs + 8) * 0.0008,
    )  # fmt: skip


def of_table(rows: int) -> Effort:
    """Return the effort for a table: boosted trees, which take seconds; for few rows a small network of many epochs."""
    if rows >= FEW_ROWS:
        why = "gradient boosting, which takes seconds; `architecture: tables` under train is a network"
        recipes = _recipes("float32", "dynamic", comment="pruned_dynamic: {} is a little smaller, and less exact")
        return Effort([Key("train", TARGET), recipes], [], why, _overhead(2) + rows * 0.002)
    network = [
        Key("architecture", "tables", "boosted_trees for more rows"), *TARGET,
        Key("bins", 4), Key("embedding", 2), Key("units", [32]), Key("dropout", 0.2),
        Key("fit", {"epochs": 60, "batch_size": 16, "learning_rate": 0.001}),
    ]  # fmt: skip
    why = f"a small network from scratch: fewer than {FEW_ROWS} rows are few for trees"
    recipes = _recipes("float32", "dynamic", "pruned_dynamic", comment=SMALLER)
    return Effort([Key("train", network), recipes], [], why, _overhead(3) + rows * 60 * 0.0006 * 1.5)


def of_ratings(rows: int, *, timed: bool) -> Effort:
    """Return the effort for ratings; where no time orders them, the whole history counts, and none of it is newer."""
    epochs = 7 if rows <= 250_000 else max(2, round(7 * 250_000 / rows))
    ages = [Key("recent", 100, "the whole history"), Key("half_life", 1000, "without a time none is newer")]
    keys = [*TARGET, *([] if timed else ages)]
    keys += [] if epochs == 7 else [Key("fit", {"epochs": epochs})]
    return Effort(
        [Key("train", keys), _recipes("float32", "dynamic", "pruned_dynamic", comment="a quarter of the weights zero")],
        [], "starts from scratch", _overhead(3) + rows * (epochs + 2) * (0.0002 if timed else 0.0004),
    )  # fmt: skip


def of_pairs(rows: int) -> Effort:
    """Return the effort for pairs of sentences: the fewer there are, the more epochs."""
    epochs = max(3, min(30, round(300_000 / max(rows, 1))))
    fit = {"epochs": epochs, "batch_size": 64, "learning_rate": 0.002, "patience": min(4, epochs)}
    vocabulary = 3000 if rows > 30_000 else 2000
    return Effort(
        [Key("compute", {"threads": 2}), Key("train", [*TARGET, Key("fit", fit, STOPS)]),
         _recipes("float32", "dynamic", comment="pruned_dynamic: {} trains once more, for a smaller zip")],
        [Key("tokenizers", {"vocabulary": vocabulary})],
        "starts from scratch", _overhead(2) + rows * epochs * 0.0021,
    )  # fmt: skip
