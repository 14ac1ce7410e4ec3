"""An architecture is one file that says what its layers are before TensorFlow is started."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import ParamsError
from tasks.core.params import modules
from tasks.line import params_file
from tasks.line.params import Params
from tasks.models import architectures, layer_names
from tasks.models.architectures import (
    Architecture,
    TakenArchitecture,
    TrainedArchitecture,
    boosted_trees,
    conv_net,
    efficientnet_lite0,
    minilm,
    mobilenet_v2_035,
    own_file,
    separable_text,
    tables,
    transformer_text,
    translator_gru,
    two_towers,
)
from tasks.plan import problems_of
from tests.graph_rules import ROOT
from tests.tasks import line, texts

# That these modules fulfil the contract is proved by mypy.
TRAINED: tuple[TrainedArchitecture[Any], ...] = (
    conv_net, separable_text, tables, transformer_text, translator_gru, two_towers,
)  # fmt: skip
TAKEN: tuple[TakenArchitecture[Any], ...] = (boosted_trees, efficientnet_lite0, minilm, mobilenet_v2_035, own_file)
ALL: tuple[Architecture[Any], ...] = (*TRAINED, *TAKEN)
HEAVY = ("tensorflow", "tf_keras", "PIL", "h5py", "sklearn", "safetensors", "tokenizers")
PRESETS = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]


def train(name: str, **keys: Any) -> Any:
    """The section `train` of an architecture with its defaults, changed."""
    section = {"architecture": name, "tracked": "plan/train.json", "data": "base"} | keys
    known = {"fit": line.complete("params.yaml")["train"]["fit"]}
    settings = architectures.architecture_of(name).Train
    return settings.model_validate(section | (known if "fit" in settings.model_fields else {}))


def preprocess(preset: str, kind: str, **changes: Any) -> Any:
    params = line.complete(f"presets/{preset}.yaml")
    settings = import_module(f"tasks.kinds.{kind}").Preprocess
    return settings.model_validate(params["preprocess"]["target"] | changes)


def metadata(kind: str, **data: Any) -> Any:
    from tasks.models.saving import ModelMetadata

    return ModelMetadata(kind, data)


def types_of(network: Any) -> dict[str, str]:
    return {layer.name: type(layer).__name__ for layer in network.layers}


def test_every_architecture_fulfils_the_contract() -> None:
    assert sorted(modules("models/architectures")) == sorted(one.__name__.rsplit(".", 1)[1] for one in ALL)  # type: ignore[attr-defined]


def test_importing_every_architecture_starts_no_tensorflow() -> None:
    names = [f"tasks.models.architectures.{name}" for name in modules("models/architectures")]
    code = (
        f"import json, sys\nfrom importlib import import_module\nimport tasks.models.layer_names\n"
        f"[import_module(name) for name in {names}]\n"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_whatever_imports_tensorflow_starts_it_quietly_first() -> None:
    loud = []
    for path in sorted((ROOT / "tasks").rglob("*.py")):
        found = [
            (node.lineno, name)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        ]
        starts = [
            at
            for at, name in found
            if name.split(".")[0] in {"tensorflow", "tf_keras", "tensorflow_model_optimization"}
        ]
        quiet = [at for at, name in found if name == "tasks.models.quiet_tensorflow"]
        if starts and path.name != "quiet_tensorflow.py" and (not quiet or min(quiet) > min(starts)):
            loud.append(path.relative_to(ROOT).as_posix())
    assert loud == []


def test_tensorflow_says_nothing_when_it_starts() -> None:
    code = "from tasks.models.quiet_tensorflow import layers; layers.Dense"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("filters", [[8], [8, 16, 8]])
def test_conv_net_has_the_layers_that_it_states(filters: list[int]) -> None:
    params, images = train("conv_net", filters=filters), line.section()
    assert types_of(line.conv_net(filters, (8, 8, 1))) == conv_net.layer_types(params, images)
    assert list(conv_net.layer_types(params, images)) == [one.name for one in line.conv_net(filters, (8, 8, 1)).layers]


@pytest.mark.parametrize("params", [
    train("separable_text", width=8, filters=[8, 4]), train("separable_text", width=8, filters=[8], linear=True),
    train("transformer_text", width=8, blocks=2, heads=2),
])  # fmt: skip
def test_networks_of_texts_have_the_layers_that_they_state(params: Any) -> None:
    network = architectures.build(params, texts.metadata(50, 8))
    assert types_of(network) == architectures.layer_types(params, texts.section())


@pytest.mark.parametrize("blocks", [1, 2])
def test_minilm_has_the_layers_that_it_states(blocks: int) -> None:
    network = minilm.encoder(8, (50, 24), blocks, 0.1, 2)
    assert types_of(network) == architectures.layer_types(train("minilm", blocks=blocks), texts.section())


@pytest.mark.parametrize(("name", "architecture"), [
    ("mobilenet_v2_035", mobilenet_v2_035), ("efficientnet_lite0", efficientnet_lite0),
])  # fmt: skip
def test_pretrained_networks_of_images_have_the_layers_that_they_state(name: str, architecture: Any) -> None:
    tracked = "weights.npz" if name == "mobilenet_v2_035" else "plan/train.json"
    expected = architectures.layer_types(train(name, tracked=tracked), line.section())
    network = architecture.build((32, 32, 3), 2)
    assert types_of(network) == expected and list(expected or {}) == [layer.name for layer in network.layers]


@pytest.mark.parametrize("classes", [None, ["a", "b"]])
@pytest.mark.parametrize(("numeric", "categorical"), [
    ("ab", "cde"), ("ab", ""), ("", "c"), ("", "cd"), ("a", "c"),
])  # fmt: skip
def test_a_network_of_tables_has_the_layers_that_follow_from_the_columns(
    numeric: str, categorical: str, classes: list[str] | None
) -> None:
    columns = {name: name for name in [*numeric, *categorical, "target"]}
    kind = "tabular_classification" if classes else "regression"
    section = preprocess(
        "housing", kind, columns=columns, numeric=list(numeric), categorical=list(categorical), target="target"
    )
    table = {
        "numeric": [{"name": name, "quantiles": [0.0, 1.0, 2.0], "has_missing": False} for name in numeric],
        "categorical": [{"name": name, "values": ["x"]} for name in categorical],
    }
    inputs = {"features": {"shape": [len(columns) - 1]}}
    params = train("tables", bins=2, embedding=2, units=[4, 4])
    network = tables.build(
        params, metadata("tables", inputs=inputs, table=table, **({"classes": classes} if classes else {}))
    )
    assert types_of(network) == tables.layer_types(params, section)


@pytest.mark.parametrize("recent", [3, 6])
def test_two_towers_have_the_layers_that_follow_from_the_length_of_a_history(recent: int) -> None:
    split = {"validation": 0.1, "test": 0.2, "seed": 0, "min_ratings": 30, "history": 6}
    section, params = (
        preprocess("movielens", "recommendation", split=split),
        train("two_towers", width=8, recent=recent),
    )
    data = {"classes": ["a", "b"], "rating": {"min": 0.5, "mean": 3.0}, "inputs": {"history": {"shape": [6]}}}
    assert types_of(two_towers.build(params, metadata("recommendation", **data))) == two_towers.layer_types(
        params, section
    )


def test_a_translator_has_the_same_names_however_many_were_built_before() -> None:
    data = {"vocabulary": {"source": 20, "target": 30}, "inputs": {"source_tokens": {"shape": [6]}}}
    params = train("translator_gru", width=8)
    for _ in range(2):
        network = translator_gru.build(params, metadata("translation", **data))
        assert types_of(network) == translator_gru.layer_types(params, texts.section())


def test_layers_of_other_data_and_of_own_files_are_not_known() -> None:
    assert tables.layer_types(train("tables"), texts.section()) is None
    assert two_towers.layer_types(train("two_towers"), texts.section()) is None
    params = train("own_file", tracked="model.h5", mean=0, std=255.0)
    assert architectures.layer_types(params, line.section()) is None


def changed(path: Path, folder: Path, recipes: dict[str, Any], frozen: list[str] | None = None) -> Params:
    params = line.complete(path.relative_to(ROOT).as_posix())
    params["compress"] |= recipes
    if frozen is not None:
        params["fine_tune"]["frozen"] = frozen
    line.write_params(folder, params)
    return params_file.load(folder / "params.yaml")


NO_SCHEMAS = Path("no schemas yet")


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_presets_name_layers_that_are_there(path: Path) -> None:
    assert problems_of(params_file.load(path), NO_SCHEMAS) == []


def test_all_wrong_names_of_layers_are_told_at_once(tmp_path: Path) -> None:
    recipes = {
        "pruned": {
            "steps": [line.prune_step(layers={"conv_9": 0.5, "relu_0": 0.5, "conv_1": 0.2})], "precision": "float32",
            "float_layers": [], "finish": [],
        },
        "mixed": {
            "steps": [line.cluster_step(layers={"logits": 4, "nothing": 4})], "precision": "int8",
            "float_layers": ["conv_0", "relu_1", "conv_7", "image"], "finish": [],
        },
        "aware": {
            "steps": [line.aware_step(layers={"conv_3": 1.0, "conv_0": None})], "precision": "int8",
            "float_layers": [], "finish": [],
        },
    }  # fmt: skip
    got = problems_of(changed(ROOT / "params.yaml", tmp_path, recipes, ["conv_", "block_"]), NO_SCHEMAS)
    kernels = "its layers: conv_0, conv_1, conv_2, logits"
    assert got[:2] == [
        "compress.pruned.steps.0.layers: conv_9 is no layer of conv_net, "
        f"relu_0 (ReLU) has no kernel that this step changes; {kernels}",
        f"compress.mixed.steps.0.layers: nothing is no layer of conv_net; {kernels}",
    ]
    assert got[2].startswith(
        "compress.mixed.float_layers: conv_7 is no layer of conv_net, "
        "image (InputLayer) has no operator in the file; its layers: conv_0,"
    )
    assert got[3] == f"compress.aware.steps.0.layers: conv_3 is no layer of conv_net; {kernels}"
    assert got[4].startswith("fine_tune.frozen: no layer of conv_net has a name that begins with block_; its layers:")
    assert len(got) == 5


def test_quantization_aware_training_takes_no_step_for_a_separable_convolution(tmp_path: Path) -> None:
    steps = [line.aware_step(layers={"embedding": 1.0, "separable_0": 1.0}, fit=line.fit(1) | {"augment": None})]
    recipe = {"steps": steps, "precision": "int8", "float_layers": [], "finish": []}
    (problem,) = problems_of(changed(ROOT / "presets/sms_spam.yaml", tmp_path, {"aware": recipe}), NO_SCHEMAS)
    assert problem.endswith("separable_0 (SeparableConv1D) has no kernel that this step changes; "
                            "its layers: embedding, logits")  # fmt: skip


def test_layers_with_kernels_are_those_that_the_steps_find() -> None:
    from tasks.models.layers import NAMES, kernels_of

    assert {kind.__name__ for kind in NAMES} == set(layer_names.WITH_KERNEL)
    params = train("separable_text", width=8, filters=[8])
    network = architectures.build(params, texts.metadata(50, 8))
    types = architectures.layer_types(params, texts.section())
    assert types is not None and layer_names.names_with_kernel(types) == list(kernels_of(network))


def test_quantized_kernels_are_those_that_are_left_after_rewriting() -> None:
    from tasks.compression.steps.quantize_aware import rewritten
    from tasks.models.layers import kernels_of
    from tasks.models.quiet_tensorflow import Model, layers

    given = layers.Input((8, 4))
    values = layers.SeparableConv1D(4, 3, name="separable")(layers.Conv1D(4, 3, name="wide")(given))
    network = Model(given, layers.Dense(2, name="logits")(layers.Flatten()(values)))
    expected = [name for name, kind in types_of(network).items() if kind in layer_names.WITH_QUANTIZED_KERNEL]
    assert list(kernels_of(rewritten(network))) == expected == ["wide", "logits"]


def test_a_loaded_model_is_checked_against_the_recipes() -> None:
    own = params_file.load(ROOT / "presets/own_model.yaml")
    network, recipe = line.conv_net([8], (8, 8, 1)), own.compress["int8"]
    right = recipe.model_copy(update={"float_layers": ["logits"]})
    layer_names.require_layer_names(network, layer_names.LayerReferences(compress={"int8": right}, fine_tune=None))
    wrong = recipe.model_copy(update={"float_layers": ["logits", "predictions"]})
    with pytest.raises(ParamsError, match=r"compress\.int8\.float_layers: predictions is no layer of conv_net"):
        layer_names.require_layer_names(network, layer_names.LayerReferences(compress={"int8": wrong}, fine_tune=None))
