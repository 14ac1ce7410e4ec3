"""Pairs of sentences are cleaned, split without leakage, learned, and translated by the exported file."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.commands.predict import Bundle, translated
from tasks.core import files
from tasks.core.errors import DataError, ParamsError, StageError
from tasks.core.params.gates import Evaluate
from tasks.core.params.sections import Compute, Export, Profile
from tasks.data import subword_tokenizer
from tasks.data.columns import Dataset
from tasks.data.formats import tab_pairs
from tasks.data.records import SPLITS, Array, Chunk, objects
from tasks.data.schema import rows_of
from tasks.data.splits import assign_groups, linked, text_digests
from tasks.evaluate import evaluate
from tasks.kinds.translation import Split
from tasks.kinds.translation.data import DATA, SIDES, SentenceSchema
from tasks.kinds.translation.evaluation import EVALUATION, EXAMPLES, lengths
from tasks.profile import profile
from tasks.tflite.file import parts, with_first
from tasks.tflite.slim import require_equal_translations, slim
from tasks.tflite.translator import Translator
from tests.graph_rules import yaml
from tests.tasks import translations

EVALUATE = Evaluate(
    confidence=0.95, resamples=100, seed=0, top_k=2, calibration_bins=15, slices=[]
)  # fmt: skip
CALIBRATION = Export(calibration_rows=8, seed=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return translations.ready(tmp_path_factory.mktemp("pairs"), translations.pairs(20_000, 22_000))


def trained(data: Dataset, epochs: int) -> tuple[Any, Any]:
    from tasks.kinds.translation.model import MODEL
    from tasks.models.architectures import translator_gru
    from tasks.models.learning_task import LearningTask
    from tasks.models.saving import metadata_of
    from tasks.models.training_loop import fit, seed

    params, metadata = translations.params(epochs=epochs, batch_size=32, learning_rate=1e-2), metadata_of(data)
    seed(0)
    network = translator_gru.build(params, metadata)
    fit(network, data, LearningTask(MODEL, metadata), params.fit, None, name="train")
    return network, metadata


@pytest.fixture(scope="module")
def network(data: Dataset) -> tuple[Any, Any]:
    return trained(data, epochs=5)


def exported(network: tuple[Any, Any], data: Dataset, precision: str, **changes: Any) -> bytes:
    from tasks.kinds import export_of

    return export_of("translation").to_tflite(*network, translations.recipe(precision, **changes), data, CALIBRATION)


@pytest.fixture(scope="module")
def float32(network: tuple[Any, Any], data: Dataset) -> bytes:
    return exported(network, data, "float32")


def chunk(pairs: list[tuple[str, str]]) -> Chunk:
    sources = np.array([f"fra.txt:{number}" for number in range(1, len(pairs) + 1)])
    texts = [objects(list(side)) for side in zip(*pairs, strict=True)]
    return Chunk(dict(zip(SIDES, texts, strict=True)), sources)


def schema() -> SentenceSchema:
    letters = " abcdefghijklmnopqrstuvwxyzé.!'"
    return SentenceSchema(kind="translation", characters={"source": letters, "target": letters})


def test_bad_pairs_are_named_with_their_row_and_the_reason() -> None:
    pairs = [
        ("go now.", "va !"), ("", "va !"), ("go", " \u200b "), ("word " * 21, "mot"), ("x" * 100_000, "mot"),
        ("go \u2603", "va"), ("go", "va tout de suite et ne te retourne surtout jamais."), ("go", "caf\u0065\u0301"),
    ]  # fmt: skip
    good, bad = DATA.good_rows(chunk(pairs), schema(), translations.section())
    assert [(row.source, row.reason) for row in bad] == [
        ("fra.txt:2", "empty source"),
        ("fra.txt:3", "empty target"),
        ("fra.txt:4", "too long source: 21 words, at most 20"),
        ("fra.txt:5", "too long source: 100000 characters, at most 200"),
        ("fra.txt:6", "unknown characters: '\u2603' in the source"),
        ("fra.txt:7", "unequal lengths: 2 and 50 characters"),
    ]
    assert good.columns["target"].tolist() == ["va !", "café"]


def test_lines_of_one_column_are_unreadable_and_those_of_another_encoding_refused(tmp_path: Path) -> None:
    translations.written(tmp_path, ["Go.\tVa !", "Run!", "Hi.\tSalut !", "Wait.\tAttends !"])
    translations.written(tmp_path, ["About these pairs"], "_about.txt")
    (read,) = rows_of(tab_pairs, tmp_path, translations.section())
    assert [(row.source, row.reason) for row in read.unreadable] == [("fra.txt:2", "ragged: 1 cells, expected 2")]
    (tmp_path / "fra.txt").write_bytes("Go.\tVa !\nCoffee.\tCaf\xe9.\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"fra\.txt:2: the byte 0xe9"):
        list(rows_of(tab_pairs, tmp_path, translations.section()))


def test_pairs_without_a_known_character_are_refused() -> None:
    with pytest.raises(DataError, match="no character in"):
        DATA.observe([chunk([("go", "")])], "translation", translations.section())


def test_columns_have_to_name_both_sides() -> None:
    with pytest.raises(ValueError, match="`source` and `target`"):
        translations.section(columns={"source": 0})


def test_equal_pairs_are_copies_and_other_translations_are_not() -> None:
    digests = DATA.content_digests(chunk([("Go.", "Va !"), ("go.", "VA !"), ("Go.", "Allez !")]))
    assert digests[0] == digests[1] != digests[2]


def test_no_sentence_is_in_two_splits(data: Dataset) -> None:
    for side in SIDES:
        seen = {split: {text.casefold() for text in data.column(split, side).all()} for split in SPLITS}
        assert not seen["train"] & seen["test"] and not seen["train"] & seen["validation"]
        assert not seen["validation"] & seen["test"]
    assert data.rows("test") > 150
    assert all(len(text.split()) >= 3 for text in data.column("test", "source").all())


def test_rows_hang_together_through_others() -> None:
    assert linked([np.array([0, 0, 1, 2]), np.array([5, 6, 6, 7])]).tolist() == [0, 0, 0, 1]


def test_groups_are_split_whole_and_a_given_split_is_kept() -> None:
    groups, digests = np.repeat(np.arange(100), 3), text_digests(map(str, range(300)))
    fits = groups >= 50
    whole = Split(validation=0.1, test=0.2, seed=0, min_words=1, max_linked=3)
    found = assign_groups(digests, groups, fits, np.full(300, ""), whole)
    assert [int((found == name).sum()) for name in SPLITS] == [210, 30, 60]
    assert (found.reshape(100, 3) == found.reshape(100, 3)[:, :1]).all() and (found[~fits] == "train").all()
    given = np.where(np.arange(300) == 4, "test", np.where(np.arange(300) == 5, "validation", ""))
    kept = whole.model_copy(update={"test": "given", "validation": "given"})
    assert np.flatnonzero(assign_groups(digests, groups, fits, given, kept) == "test").tolist() == [3, 4, 5]


def test_pieces_joined_are_the_sentence_again(data: Dataset) -> None:
    tokens, texts = (data.column("test", name).all() for name in ("target_tokens", "target"))
    whole = [row for row, found in enumerate(tokens) if subword_tokenizer.END in found]
    assert len(whole) > 100
    for row in whole:
        assert subword_tokenizer.decode(tokens[row].tolist(), data.metadata["pieces"]) == texts[row]


def test_a_longer_sentence_is_cut_off_without_its_end(data: Dataset) -> None:
    encoder = DATA.encoder(data.assets)
    tokens = encoder.encode({"source": objects(["a " * 40])})["source_tokens"]
    assert tokens.shape == (1, translations.MAX_TOKENS) and subword_tokenizer.END not in tokens


def test_padding_changes_nothing_that_is_learned(network: tuple[Any, Any], data: Dataset) -> None:
    from tasks.kinds.translation.model import MODEL
    from tasks.models.batches import Batches
    from tasks.models.learning_task import LearningTask

    model, metadata = network
    tokens = [data.column("train", name).take(np.arange(8)) for name in MODEL.inputs]
    alone = [model(MODEL.preprocess_inputs(tuple(side[:1] for side in tokens), metadata), training=False).numpy()]
    together = model(MODEL.preprocess_inputs(tuple(tokens), metadata), training=False).numpy()[:1, : alone[0].shape[1]]
    assert np.allclose(alone[0], together, atol=1e-4)
    widths = [
        int(wanted.shape[1])
        for _, wanted in Batches(data, LearningTask(MODEL, metadata), translations.params().fit).epochs(0)
    ]
    assert min(widths) < max(widths)


def keras_greedy(network: tuple[Any, Any], source: Array) -> list[int]:
    model, tokens = network[0], list[int]()
    given = source[np.newaxis, source != subword_tokenizer.PADDING]
    while len(tokens) < translations.MAX_TOKENS:
        previous = np.array([[subword_tokenizer.START, *tokens]], np.int32)
        logits = model([given, previous], training=False)
        if (token := int(logits.numpy()[0, -1].argmax())) == subword_tokenizer.END:
            break
        tokens.append(token)
    return tokens


def test_the_exported_file_translates_as_the_network_does(
    network: tuple[Any, Any], data: Dataset, float32: bytes
) -> None:
    translator, sources = Translator(float32, 1), data.column("test", "source_tokens").take(np.arange(20))
    found = [translator.greedy(source) for source in sources]
    assert found == [keras_greedy(network, source) for source in sources]
    assert len({tuple(tokens) for tokens in found}) > 3


def test_a_beam_of_width_one_is_greedy_and_a_wider_one_finds_what_is_likelier(data: Dataset, float32: bytes) -> None:
    translator, gained = Translator(float32, 1), 0.0
    for source in data.column("test", "source_tokens").take(np.arange(20)):
        (alone,) = translator.beam(source, 1)
        assert [token for token in alone.tokens if token != subword_tokenizer.END] == translator.greedy(source)
        several = translator.beam(source, 4)
        assert len(several) == 4 and several[0].mean_score == max(one.mean_score for one in several)
        gained += several[0].mean_score - alone.mean_score
    assert gained > 0


@pytest.mark.parametrize("precision", [pytest.param("float16", marks=pytest.mark.slow), "dynamic"])
def test_smaller_files_translate_nearly_alike_and_slim_changes_nothing(
    precision: str, network: tuple[Any, Any], data: Dataset, float32: bytes
) -> None:
    whole = exported(network, data, precision)
    small = slim(whole)
    assert len(small) < len(whole) < 0.7 * len(float32) and slim(small) == small
    sources = data.column("test", "source_tokens").take(np.arange(20))
    assert np.array_equal(Translator(whole, 1).all_greedy(sources), Translator(small, 1).all_greedy(sources))
    same = (Translator(small, 1).all_greedy(sources) == Translator(float32, 1).all_greedy(sources)).all(axis=1)
    assert same.mean() > 0.5
    with pytest.raises(StageError, match="the same outputs"):
        require_equal_translations(float32, small, sources[:1])


@pytest.mark.slow
def test_equal_runs_give_equal_bytes(data: Dataset, network: tuple[Any, Any], float32: bytes) -> None:
    assert exported(network, data, "float32") == float32
    one, other = (trained(data, epochs=1)[0].get_weights() for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_integer_files_are_refused(network: tuple[Any, Any], data: Dataset) -> None:
    with pytest.raises(ParamsError, match="round its state at each step"):
        exported(network, data, "int8")


def test_each_signature_is_a_file_of_its_own(float32: bytes) -> None:
    encode, decode_step = (with_first(float32, name) for name in ("encode", "decode_step"))
    assert encode == float32
    assert len(parts(float32)) == 2 and sum(map(len, parts(float32))) < 1.1 * len(float32)
    source = np.array([5, 6, subword_tokenizer.END, *[0] * (translations.MAX_TOKENS - 3)], np.int32)
    assert Translator(decode_step, 1).greedy(source) == Translator(float32, 1).greedy(source)
    with pytest.raises(DataError, match="no_such"):
        with_first(float32, "no_such")


@pytest.mark.parametrize(
    ("step", "changes"),
    [("prune", {"sparsity": 0.5}), ("cluster", {"clusters": 8})],
)
@pytest.mark.slow
def test_a_compressed_translator_keeps_what_it_is_asked_for(
    step: str, changes: dict[str, Any], network: tuple[Any, Any], data: Dataset
) -> None:
    from tasks.compression.recipe import train
    from tasks.compression.steps.sparsity import clusters_of, sparsities_of
    from tasks.kinds.translation.model import MODEL
    from tasks.models.learning_task import LearningTask
    from tests.tasks import line

    make = {"prune": line.prune_step, "cluster": line.cluster_step}[step]
    fit = line.fit(1, 1e-3) | {"augment": None, "batch_size": 256}
    recipe = translations.recipe("dynamic", steps=[make(fit=fit, **changes)])
    smaller, metadata, _ = train(network[0], LearningTask(MODEL, network[1]), recipe, data, step, lambda _: None)
    assert metadata.steps == [step]
    if step == "prune":
        assert sparsities_of(smaller) == pytest.approx(dict.fromkeys(sparsities_of(smaller), 0.5), abs=0.01)
    else:
        assert max(clusters_of(smaller).values()) <= 8


@pytest.fixture(scope="module")
def evaluated(data: Dataset, float32: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "float32.tflite").write_bytes(float32)
    file = folder / "float32.tflite"
    evaluate(
        EVALUATE, "translation", Compute(threads=1, onednn=True), tflite=file, float32=file, data=data.folder,
        metrics=folder / "metrics.json", predictions=folder / "predictions.npz", tables=folder / "tables",
    )  # fmt: skip
    return folder


def test_sentences_are_measured_and_not_their_tokens(evaluated: Path, data: Dataset) -> None:
    measured = files.read_json(evaluated / "metrics.json")
    assert measured["primary"] == "bleu" and set(measured["scores"]) == {"bleu", "chrf"}
    assert measured["scores"]["bleu"]["drop_interval"] == [0, 0] and measured["agreement_with_float32"] == 1
    assert sum(one["rows"] for one in measured["slices"]) == data.rows("test")
    assert "tok:13a" in measured["signatures"]["bleu"]
    examples = (evaluated / "tables/examples.csv").read_text().splitlines()
    assert examples[0] == "reference,translation" and len(examples) == 1 + EXAMPLES
    truth = data.column("test", "target").all()
    assert EVALUATION.score(truth, truth[:, np.newaxis], data.metadata, EVALUATE).values["bleu"] == pytest.approx(100)


def test_references_of_one_length_are_one_slice() -> None:
    assert {name: part.tolist() for name, part in lengths(["a b"] * 3).items() if part.any()} == {
        "words >= 2": [True, True, True]
    }


def test_a_bundle_translates_as_evaluate_saw_it(evaluated: Path, data: Dataset, tmp_path: Path) -> None:
    shutil.copyfile(evaluated / "float32.tflite", tmp_path / "model.tflite")
    shutil.copytree(data.assets, tmp_path / "assets")
    sums = {name: files.sha256(tmp_path / name) for name in ("model.tflite", "assets/source_tokenizer.json")}
    files.write_json(
        tmp_path / "manifest.json", {"kind": "translation", "files": sums, "interface": {"source_tokens": {}}}
    )
    bundle, outputs = Bundle(tmp_path), np.load(evaluated / "predictions.npz")["outputs"]
    for text, expected in zip(data.column("test", "source").all()[:5], outputs, strict=False):
        answer = bundle.answer([text])
        assert np.array_equal(answer, expected)
        assert bundle.describe(answer) == subword_tokenizer.decode(expected.tolist(), data.metadata["pieces"])
        ((best, _), *_) = next(translated(tmp_path, [text], 1))
        assert best == bundle.describe(answer)
    for wrong in ("", "x" * 100_000, "word " * 21):
        with pytest.raises(DataError, match="one sentence, as in the training data"):
            bundle.answer([wrong])
    assert bundle.answer(["\u65e5\u672c\u8a9e"]).shape == (translations.MAX_TOKENS,)


def test_both_signatures_are_profiled(evaluated: Path, data: Dataset, tmp_path: Path) -> None:
    file = evaluated / "float32.tflite"
    params = Profile(warm_up_runs=1, runs=3)
    profile(params, "translation", tflite=file, float32=file, data=data.folder, report=tmp_path / "profile.json")
    found = files.read_json(tmp_path / "profile.json")
    assert found["operators"]["all"]["GATHER"] == 2 and found["operators"]["all"]["SOFTMAX"] == 2
    assert found["memory"]["tensor_bytes"] > file.stat().st_size * 0.9
    allowed = yaml("presets/devices/phone_cpu_translation.yaml")
    assert set(found["operators"]["all"]) <= set(allowed["operators"]) and set(found["written_types"]) <= set(
        allowed["types"]
    )


def test_simple_methods_translate_each_row(data: Dataset) -> None:
    from tasks.core.params.gates import Baseline

    found = EVALUATION.baselines(data, Baseline(max_rows=100_000, seed=0))
    assert {name: outputs.shape for name, outputs in found.items()} == dict.fromkeys(
        ("copy", "most_frequent_translation", "word_lookup", "nearest_sentence"), (data.rows("test"), 1)
    )
    truth = data.column("test", "target").all()
    bleu = {
        name: EVALUATION.score(truth, outputs, data.metadata, EVALUATE).values["bleu"]
        for name, outputs in found.items()
    }
    assert bleu["nearest_sentence"] > bleu["most_frequent_translation"]  # type: ignore[operator]
    assert bleu["word_lookup"] > bleu["copy"]  # type: ignore[operator]


def test_one_answer_is_a_whole_translation(data: Dataset, evaluated: Path) -> None:
    EVALUATION.timed_call(evaluated / "float32.tflite", data.fed("test"))()
