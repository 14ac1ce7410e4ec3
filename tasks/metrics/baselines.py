"""Baselines beside a network: constant answers, scikit-learn's estimators on numbers, pixels or words.

They are meant to be hard to beat: boosting sees all rows and stops where the validation rows say, a text's words and
pieces of words weigh as much as they are worth. All are repeatable; `baseline.max_rows` bounds time and memory.
"""

import warnings
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from tasks.core.errors import ParamsError
from tasks.core.params.gates import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array, SplitName
from tasks.data.tables import FEATURES

MAX_ITERATIONS = 200


def chosen_rows(data: Dataset, params: Baseline) -> Array:
    """Return the training rows that a method is fitted on, in their order, (rows,) of int64."""
    rows = data.rows("train")
    if rows <= params.max_rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(params.seed).choice(rows, params.max_rows, replace=False))


def all_of(data: Dataset, split: SplitName, column: str) -> Array:
    """Return a column of a split, of no rows where the split has none."""
    wanted = split if data.rows(split) else "train"
    return data.column(wanted, column).take(np.arange(data.rows(split)))


def majority_class(data: Dataset) -> Array:
    """Return the same probabilities for each test row, (rows, classes): the shares of all training rows."""
    counts = np.bincount(data.column("train", data.target).all(), minlength=len(data.classes))
    return np.tile(counts / counts.sum(), (data.rows("test"), 1))


def logistic_regression() -> LogisticRegression:
    """Return an estimator that stops after some seconds, converged or not."""
    return LogisticRegression(max_iter=MAX_ITERATIONS)


def probabilities(estimator: Any, train: Any, labels: Array, test: Any, classes: int) -> Array:
    """Fit a classifier and ask it; a class without chosen rows has probability 0.

    Args:
        estimator: of scikit-learn, with `predict_proba`.
        train: what it is fitted on, a row each.
        labels: class indices, (rows,).
        test: the test inputs, a row each.
        classes: how many there are.

    Returns:
        (test rows, classes).

    Raises:
        ParamsError: all labels are equal.
    """
    require_two_classes(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline need not be the best of its kind
        estimator.fit(train, labels)
    return answered(estimator, test, classes)


def require_two_classes(labels: Array) -> None:
    """Refuse class indices, (rows,), that are all equal.

    Raises:
        ParamsError: they are.
    """
    if len(np.unique(labels)) == 1:
        raise ParamsError(
            got=f"baseline.max_rows: {len(labels)} rows of one class", expected="rows of at least two classes",
            do="raise baseline.max_rows, or change baseline.seed",
        )  # fmt: skip


def answered(estimator: Any, test: Any, classes: int) -> Array:
    """Return the probabilities of a fitted classifier, (test rows, classes)."""
    found = np.zeros((len(test), classes))
    found[:, estimator.classes_] = estimator.predict_proba(test)
    return found


LEARNING_RATE, MAX_ROUNDS, PATIENCE = 0.1, 500, 20
MAX_TREES = 3000  # with many classes, each of which has a tree in each round
MAX_CATEGORIES = 250  # of a column; scikit-learn has a bit for each


def boosted(data: Dataset, params: Baseline) -> Any:
    """Return gradient boosting of scikit-learn, fitted on the chosen rows of a table; validation rows stop it.

    Raises:
        ParamsError: the chosen rows have one class only.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rows = chosen_rows(data, params)
    features, target = (data.column("train", name).take(rows) for name in (FEATURES, data.target))
    watched, watched_target = (all_of(data, "validation", name) for name in (FEATURES, data.target))
    is_number = "classes" not in data.metadata
    if not is_number:
        require_two_classes(target)
        known = np.isin(watched_target, target)
        watched, watched_target = watched[known], watched_target[known]
    estimator = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
    stops = {"X_val": watched, "y_val": watched_target} if len(watched) else {}
    classes = 1 if is_number else len(np.unique(target))
    trees = estimator(
        learning_rate=LEARNING_RATE, max_iter=min(MAX_ROUNDS, max(MAX_TREES // classes, 1)) if stops else 100,
        early_stopping=bool(stops), n_iter_no_change=PATIENCE, categorical_features=_few_categories(data, features),
        random_state=params.seed,
    )  # fmt: skip
    return trees.fit(features, target, **stops)


def _few_categories(data: Dataset, features: Array) -> Array:
    """Return which columns are categories that trees can tell apart one by one, (features,) of bool."""
    categorical = len(data.metadata.get("table", {}).get("categorical", []))
    last = np.arange(features.shape[1]) >= features.shape[1] - categorical
    return np.asarray(last & (features.max(axis=0) < MAX_CATEGORIES))


WORD = r"\w+|[^\w\s]"  # signs are words, too: no text is without one
MAX_TERMS = 100_000  # of either sort: bounds the memory of a weight for each term and class
MAX_CHARACTERS = 500  # of a text that are looked at one by one; its words are all looked at
STRENGTHS = (0.1, 0.3, 1.0, 3.0)  # of the linear model's fit to the rows; the validation rows choose
SHARPNESSES = np.geomspace(0.3, 30, 25)  # of the probabilities that are made of its margins


def linear_model_of_texts(data: Dataset, params: Baseline) -> Array:
    """Return probabilities of the test rows, (rows, classes), by a linear support vector machine on TF-IDF.

    Its terms are words, pairs of words, and two to five characters within words. How strongly it fits and how sure it
    is follow from the validation rows.

    Raises:
        ParamsError: the chosen rows have one class only.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union
    from sklearn.svm import LinearSVC

    rows = chosen_rows(data, params)
    labels, tuning = data.column("train", data.target).take(rows), all_of(data, "validation", data.target)
    require_two_classes(labels)
    shared = {"sublinear_tf": True, "max_features": MAX_TERMS, "dtype": np.float32}
    terms = make_union(
        TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), **shared),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), preprocessor=_start, **shared),
    )
    train = terms.fit_transform(data.column("train", "text").take(rows).tolist())
    watched = terms.transform(all_of(data, "validation", "text").tolist()) if len(tuning) else None
    best: tuple[float, Any, float] | None = None
    for strength in STRENGTHS if watched is not None else (1.0,):
        model = LinearSVC(C=strength, random_state=params.seed).fit(train, labels)
        sharpness, loss = _sharpness(_margins(model, watched, len(data.classes)), tuning) if len(tuning) else (3.0, 0.0)
        right = float((model.predict(watched) == tuning).mean()) if len(tuning) else 0.0
        if best is None or (right, -loss) > (best[0], -best[2]):
            best, chosen = (right, model, loss), sharpness
    assert best is not None
    test = terms.transform(data.column("test", "text").all().tolist())
    return np.asarray(softmax(chosen * _margins(best[1], test, len(data.classes)), axis=1))


def _start(text: str) -> str:
    return text[:MAX_CHARACTERS].lower()


def _margins(model: Any, rows: Any, classes: int) -> Array:
    """Return a margin for each class, (rows, classes); far below all others for one without chosen rows."""
    margins = model.decision_function(rows)
    found = np.full((rows.shape[0], classes), -1e3)
    found[:, model.classes_] = np.stack([-margins / 2, margins / 2], axis=1) if margins.ndim == 1 else margins
    return found


def _sharpness(margins: Array, labels: Array) -> tuple[float, float]:
    """Return the factor of margins with the least log loss on rows of known class, and that loss."""
    own = np.arange(len(labels)), labels
    losses = [float(-log_softmax(factor * margins, axis=1)[own].mean()) for factor in SHARPNESSES]
    least = int(np.argmin(losses))
    return float(SHARPNESSES[least]), losses[least]
