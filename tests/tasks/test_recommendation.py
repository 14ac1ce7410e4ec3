"""Recommendation: real ratings, split by time, their histories, and the whole line that learns from them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.commands.schema import observe
from tasks.core.errors import DataError
from tasks.core.files import read_json
from tasks.data import columns
from tasks.data.records import Chunk, SplitName, objects
from tasks.kinds.recommendation import Preprocess
from tasks.kinds.recommendation.data import DATA, ItemVocabulary
from tasks.kinds.recommendation.evaluation import EVALUATION
from tasks.metrics.ranking import Recommended, gains, listed
from tests.tasks import line, ratings

RECIPES = ("float32", "pruned_dynamic")
STAGES = [
    "ingest@base", "ingest@target", "tasks.commands.schema --replace",
    "preprocess@base", "preprocess@target", "baseline",
    "train", "fine_tune", "cross_validate",
    *(f"{stage}@{recipe}" for recipe in RECIPES for stage in ("compress", "export", "evaluate", "profile")),
    *line.DECISION,
]  # fmt: skip


def tiny_params() -> dict[str, Any]:
    params: dict[str, Any] = line.complete("presets/movielens.yaml")
    params["preprocess"] = {role: ratings.roles() for role in ("base", "target")}
    params["train"] |= {"recent": 8, "width": 16}
    params["train"]["fit"] |= {"epochs": 5, "patience": 5, "batch_size": 64}
    params["compress"] = {recipe: params["compress"][recipe] for recipe in RECIPES}
    params["compress"]["pruned_dynamic"]["steps"][0]["fit"] |= {"epochs": 2, "batch_size": 64}
    params["profile"] |= {"warm_up_runs": 5, "runs": 50}
    params["release"] |= {
        "at_least": {}, "at_most": {}, "max_drop": {"ndcg_at_10": 0.5}, "max_slice_drop": 1.0, "min_agreement": 0.0,
        "max_latency_us": 1e6,
    }  # fmt: skip
    return params


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line of the ratings of twenty users, from raw data to the report."""
    lines = ratings.ratings(20)
    folder = line.create(tmp_path_factory.mktemp("recommendation") / "line")
    line.write_params(folder, tiny_params())
    ratings.written(folder / "data/incoming/movielens", lines)
    return line.run_all(folder, STAGES)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> columns.Dataset:
    return ratings.ready(tmp_path_factory.mktemp("ratings"), ratings.ratings(20))


def test_a_history_is_what_the_user_had_rated_before_and_nothing_later(data: columns.Dataset) -> None:
    """From the file itself, row by row, in another way than the code's."""
    rated = [one.split(",") for one in ratings.ratings(20)]
    histories = 0
    for split in ("train", "validation", "test"):
        numbers, pasts, given = (data.column(split, name).all() for name in ("row", "past", "past_ratings"))
        for row, past, marks in zip(numbers.tolist(), pasts, given, strict=True):
            user, item, _, time = rated[row]
            before = [
                (int(then), place, film, mark)
                for place, (who, film, mark, then) in enumerate(rated)
                if who == user and (int(then), place) < (int(time), row)
            ]
            expected = sorted(before)[-ratings.LENGTH :]
            assert past.split() == [film for _, _, film, _ in expected]
            assert marks.split() == [mark for _, _, _, mark in expected]
            assert item not in past.split()
            histories += len(expected) > 0
    assert histories > 2000


def test_each_users_last_ratings_are_measured_on(data: columns.Dataset) -> None:
    rated = [one.split(",") for one in ratings.ratings(20)]
    found = {
        split: {row: rated[row] for row in data.column(split, "row").all().tolist()}
        for split in ("train", "validation", "test")
    }
    users = {user for user, *_ in rated}
    few = {user for user in users if sum(who == user for who, *_ in rated) < 30}
    assert few and few < users
    for user in users:
        times = {
            split: [int(then) for who, _, _, then in kept.values() if who == user] for split, kept in found.items()
        }
        every = sum(map(len, times.values()))
        if user in few:
            assert len(times["train"]) == every
            continue
        assert len(times["test"]) == round(0.2 * every) and len(times["validation"]) == round(0.1 * every)
        assert max(times["train"]) <= min(times["validation"]) <= max(times["validation"]) <= min(times["test"])


def test_later_ratings_change_no_earlier_row(tmp_path: Path, data: columns.Dataset) -> None:
    lines = ratings.ratings(20)
    later = [*lines, "1,99999,1.0,9999999999"]
    more = ratings.ready(tmp_path, later, split=ratings.roles()["split"] | {"validation": 0.0})
    before = {
        row: past for split in ("train", "test") for row, past in _by_row(more, split).items() if row < len(lines)
    }
    known = {row: past for split in ("train", "validation", "test") for row, past in _by_row(data, split).items()}
    assert before == known


def _by_row(data: columns.Dataset, split: Any) -> dict[int, str]:
    return dict(zip(data.column(split, "row").all().tolist(), data.column(split, "past").all(), strict=True))


def test_no_column_and_no_asset_tells_who_a_user_is(data: columns.Dataset) -> None:
    assert not {"user", "user_number", "time"} & set(data.metadata["splits"]["train"][0])
    assert set(read_json(data.assets / "items.json")) == {"history", "rating", "titles"}
    assert {path.name for path in data.assets.iterdir()} == {"items.json", "labels.txt"}


def test_only_items_with_enough_training_rows_are_known(data: columns.Dataset) -> None:
    trained = data.column("train", "item_id").all().tolist()
    assert set(data.classes) == {item for item in trained if trained.count(item) >= 3}
    truth = data.column("test", "truth").all()
    items = data.column("test", "item_id").all()
    assert all((number == 0) == (item not in data.classes) for number, item in zip(truth[:, 0], items, strict=True))
    assert 0 < (truth[:, 0] == 0).mean() < 1


def by_user(found: columns.Dataset, split: SplitName) -> set[tuple[int, str]]:
    users, items = found.column(split, "truth").all()[:, 2].astype(int), found.column(split, "item_id").all()
    return set(zip(users.tolist(), items.tolist(), strict=True))


def test_ratings_without_a_time_are_ordered_by_chance_or_by_the_file_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, roles = ratings.ratings(20), {"user": "userId", "item": "movieId", "rating": "rating"}
    found = {}
    for order in ("random", "file"):
        split = ratings.roles()["split"] | {"order": order}
        found[order] = ratings.ready(tmp_path / order, lines, columns=roles, split=split)
    said = capsys.readouterr().out
    assert "order by chance (split.order)" in said and "order as they stand in the file (split.order)" in said
    last = {(int(one.split(",")[0]), one.split(",")[1]) for one in lines}  # by user: the films of greatest number
    own = sorted(item for user, item in last if user == 1)
    tested = {item for user, item in by_user(found["file"], "test") if user == 0}
    assert tested == set(sorted(own, key=int)[-len(tested) :]) and len(tested) > 10
    assert by_user(found["random"], "test") != by_user(found["file"], "test")
    assert len(by_user(found["random"], "test")) == len(by_user(found["file"], "test"))


@pytest.mark.parametrize(("low", "step"), [(0, 1), (-10, 4), (1, 1), (0, 0.1)])
def test_a_scale_is_read_from_the_file_whatever_it_is(tmp_path: Path, low: float, step: float) -> None:
    lines = []
    for one in ratings.ratings(20):
        user, film, rating, _ = one.split(",")
        lines.append(f"{user},film {film}: {film},{low + step * round(float(rating)):g},2024-05-{1 + int(user):02d}")
    params = Preprocess.model_validate(ratings.roles(items=None, rating=None))
    source = ratings.written(tmp_path / "source", lines)
    (source / "movies.csv").unlink()
    observed = observe(source, "recommendation", params)
    values = [float(one.split(",")[2]) for one in lines]
    assert (observed.rating.min, observed.rating.max) == (min(values), max(values))  # type: ignore[attr-defined]
    data = columns.load(line.prepared(tmp_path, source, params, observed.model_dump()))
    stored = data.column("train", "truth").all()[:, 1]
    offset = data.metadata["rating"]["offset"]
    assert stored.min() > 0 and offset == (0 if low > 0 else 1 - min(values))
    name = data.classes[0]
    assert name.startswith("film%20") and "%3A%20" in name
    asked = DATA.parse([f"history={name}:{max(values):g}", f"item={name}"], data.assets)
    history, given = ItemVocabulary(data.assets).histories(asked["past"], asked["past_ratings"])
    assert history[0, -1] == 1 and given[0, -1] == np.float32(max(values) + offset)
    assert ItemVocabulary(data.assets).title(1) == name.replace("%20", " ").replace("%3A", ":")


@pytest.mark.parametrize("separator", ["::", ";", "\t", "|"])
def test_titles_are_read_from_a_file_with_any_separator_with_names_or_without(tmp_path: Path, separator: str) -> None:
    for named in (True, False):
        folder = tmp_path / str(named)
        source = ratings.written(folder / "source", ratings.ratings(20))
        text = (source / "movies.csv").read_text(encoding="utf-8")
        rows = [["movieId", "title"]] * named + [
            [one.split(",")[0], f"Title {one[:3].replace(',', ' ')}"] for one in text.splitlines()[1:]
        ]
        (source / "movies.csv").unlink()
        (source / "movies.dat").write_text("".join(separator.join(row) + "\n" for row in rows))
        items = {"file": "movies.dat", "id": "movieId" if named else 0, "title": "title" if named else 1}
        params = Preprocess.model_validate(ratings.roles(items=items))
        data = columns.load(line.prepared(folder, source, params, ratings.SCHEMA))
        assert ItemVocabulary(data.assets).title(1).startswith("Title ")


def test_bad_rows_are_named_with_their_lines_and_reasons(tmp_path: Path) -> None:
    lines = ratings.ratings(5)
    wrong = [
        "1,1,4.0,964982703", "1,2,9,964982704", "1,2,good,964982704", ",2,3,964982704", "1, ,3,964982704",
        f"1,{'a' * 201},3,964982704", "1,2,3,yesterday", "1,2,3,", "1,2,,964982704", "1,2,3",
    ]  # fmt: skip
    ratings.ready(tmp_path, lines + wrong, max_bad_fraction=0.1, min_count=1)
    said = [
        one.split(",", 1)[0].split(":")[1] + one.split(",", 1)[1].replace('"', "").split(":")[0].rjust(30)
        for one in (tmp_path / "ready/quarantine.csv").read_text().splitlines()[1:]
    ]
    reasons = [
        "out of range", "not a number", "missing user", "missing item", "unusable id", "not a time",
        "missing time", "missing rating", "ragged",
    ]  # fmt: skip
    first = len(lines) + 2
    expected = [(first + 1 + place, reason) for place, reason in enumerate(reasons)] + [(first, "duplicate")]
    assert sorted((int(one[: len(one) - 30]), one[-30:].strip()) for one in said) == sorted(expected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"columns": {"user": "userId", "item": "movieId", "time": "timestamp"}}, "columns lacks rating"),
        ({"rating": {"min": 5.0, "max": 1.0}}, "not below"),
        ({"split": {"group": "user"}}, "split by user and time"),
        ({"split": {"validation": 0.1, "test": "given", "seed": 0, "min_ratings": 5, "history": 9}}, "valid number"),
    ],
)
def test_settings_that_do_not_add_up_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Preprocess.model_validate(ratings.roles(**changes))


def test_a_file_of_titles_that_is_not_there_or_lacks_a_column_is_refused(tmp_path: Path) -> None:
    lines = ratings.ratings(5)
    with pytest.raises(DataError, match=r"no films\.csv"):
        ratings.ready(tmp_path / "a", lines, items={"file": "films.csv", "id": "movieId", "title": "title"})
    with pytest.raises(DataError, match="the columns movieId and name"):
        wrong = {"file": "movies.csv", "id": "movieId", "title": "name"}
        ratings.ready(tmp_path / "b", lines, items=wrong, min_count=1)
    with pytest.raises(DataError, match="0 items with min_count: 9"):
        ratings.ready(tmp_path / "c", lines, min_count=9)


def test_ratings_that_are_all_equal_are_refused() -> None:
    columns_ = {"user": objects(["1", "2"]), "item": objects(["1", "1"]), "rating": objects(["3", "3"])}
    chunk = Chunk(columns_ | {"time": objects(["1", "2"])}, np.array(["a:1", "a:2"]))
    with pytest.raises(DataError, match="different"):
        DATA.observe([chunk], "recommendation", Preprocess.model_validate(ratings.roles()))


def test_a_list_is_worth_what_scikit_learn_says() -> None:
    from sklearn.metrics import ndcg_score

    random = np.random.default_rng(0)
    scores, items = random.normal(size=(200, 30)), random.integers(0, 31, 200)
    own = gains(items, listed(scores, 10))
    known = items > 0
    right = np.arange(1, 31) == items[known, np.newaxis]
    assert own[known].mean() == pytest.approx(ndcg_score(right, scores[known], k=10))
    assert (own[~known] == 0).all()
    few = np.full((1, 30), -np.inf)
    few[0, 4] = 1.0
    assert listed(few, 10).tolist() == [[5] + [0] * 9]


def test_users_are_drawn_again_and_not_rows() -> None:
    truth = np.array([[1, 4, 0, 5], [2, 4, 0, 5], [3, 2, 1, 5]], np.float32)
    answers = np.array([[1, 2, 4], [2, 1, 4], [1, 2, 4]], np.float32)
    measured = Recommended(truth, answers)
    assert measured.rows == 2
    assert measured.values() == {"ndcg_at_2": 2 / 3, "hit_rate_at_2": 2 / 3, "rmse": (4 / 3) ** 0.5, "mae": 2 / 3}
    drawn = measured.of_resamples(np.array([[2, 0], [0, 2]], np.float32))
    assert drawn["ndcg_at_2"].tolist() == [1, 0] and drawn["mae"].tolist() == [0, 2]


def test_the_line_learns_and_no_item_of_a_history_is_recommended(tiny: Path) -> None:
    data = columns.load(tiny / "data/ready/target")
    history = data.column("test", "history").all()
    for recipe in RECIPES:
        with np.load(tiny / f"reports/evaluate/{recipe}/predictions.npz") as found:
            answers = found["outputs"]
        assert answers.shape == (len(history), 11)
        lists = answers[:, :10].astype(int)
        assert all(not set(own) & set(past[past > 0]) for own, past in zip(lists, history, strict=True))
        assert all(len(set(own)) == 10 for own in lists) and lists.min() > 0
        scores = read_json(tiny / f"reports/evaluate/{recipe}/metrics.json")["scores"]
        assert set(scores) == {"ndcg_at_10", "hit_rate_at_10", "rmse", "mae"}
    baselines = read_json(tiny / "reports/baseline.json")["baselines"]
    assert set(baselines) == {"popularity", "matrix_factorisation", "item_neighbours", "ease"}
    assert scores["rmse"]["value"] < baselines["popularity"]["rmse"]


def test_an_empty_history_and_unknown_items_have_answers(tiny: Path) -> None:
    assets, model = tiny / "release/assets", tiny / "release/model.tflite"
    encoder = DATA.encoder(assets)

    def asked(*words: str) -> Any:
        inputs = encoder.encode(DATA.parse(list(words), assets))
        return EVALUATION.infer(model, {name: inputs[name] for name in ("history", "history_ratings", "item")}, 1)[0]

    nothing = asked("history=")
    assert np.isfinite(nothing).all() and len(set(nothing[:10])) == 10 and nothing[:10].min() > 0
    assert 0.5 < nothing[10] < 5.5
    unknown = asked("history=nobody_made_it", "item=nor_this")
    assert unknown.tolist() == nothing.tolist()  # a film that is not known, without a rating, says nothing
    assert asked("history=nobody_made_it:5")[10] > asked("history=nobody_made_it:0.5")[10]
    trained = columns.load(tiny / "data/ready/target").column("train", "item").all()[:, 0]
    counts = np.bincount(trained, minlength=1)[nothing[:10].astype(int)]
    assert counts.mean() > np.bincount(trained)[1:].mean()  # like popularity


def test_the_bundle_answers_as_evaluate_measured(tiny: Path) -> None:
    from tasks.commands.predict import Bundle

    bundle, data = Bundle(tiny / "release"), columns.load(tiny / "data/ready/target")
    with np.load(tiny / f"reports/evaluate/{bundle.manifest['recipe']}/predictions.npz") as found:
        outputs = found["outputs"]
    past, marks, items = (data.column("test", name).all() for name in ("past", "past_ratings", "item_id"))
    for row in (0, 7, len(outputs) - 1):
        history = " ".join(f"{film}:{mark}" for film, mark in zip(past[row].split(), marks[row].split(), strict=True))
        assert bundle.answer([f"history={history}", f"item={items[row]}"]).tolist() == outputs[row].tolist()
    told = bundle.describe(outputs[0])
    assert told.count("(") >= 10 and "rating" in told  # titles, with their years


@pytest.mark.parametrize(
    "words",
    [["history=318:9"], ["history=318:good"], ["item=5"], ["history=1", "item=5 6"], ["history=1", "user=5"], ["318"]],
)
def test_what_cannot_be_asked_is_refused(data: columns.Dataset, words: list[str]) -> None:
    with pytest.raises(DataError):
        DATA.parse(words, data.assets)


def test_unknown_items_are_said(data: columns.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    known = data.classes[0]
    DATA.parse([f"history={known} no_such_film", "item=nor_this"], data.assets)
    assert "unknown items: no_such_film, nor_this" in capsys.readouterr().out


def test_the_pages_render(tiny: Path) -> None:
    page, card = (tiny / "reports/report.html").read_text(), (tiny / "reports/model_card.md").read_text()
    assert "NDCG@10" in page and "Hit rate@10" in page and "matrix factorisation" in page
    assert "NDCG@10" in card and len(card) < 30_000
