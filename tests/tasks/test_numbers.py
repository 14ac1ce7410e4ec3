"""Numbers for people have the digits that say something."""

import pytest

from tasks.core.numbers import written
from tasks.reporting import words


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.5, None, "0.5000"), (1234.5, None, "1,234.5000"), (None, None, "undefined"), (0.0, None, "0.0000"),
        (1.23456e25, None, "1.235e+25"), (-1.23456e-12, None, "-1.235e-12"),
        (-2.6e-8, 0.0023, "0.0000"), (1.8e-15, 8e-13, "1.8e-15"), (7e20, 8e24, "7e+20"),
    ],
)  # fmt: skip
def test_a_number_is_written_by_a_power_of_ten_where_places_would_say_nothing(
    value: float | None, scale: float | None, text: str
) -> None:
    assert written(value, scale=scale) == text


def test_noise_in_an_interval_is_zero_and_a_tiny_unit_is_none() -> None:
    assert words.interval("roc_auc_macro", [-2.6e-8, 0.0023]) == "[0.0000, 0.0023]"
    assert words.interval("rmse", [4.114e-13, 1.185e-12]) == "[4.114e-13, 1.185e-12]"
    assert words.interval("rmse", [5.144e24, 1.0e25]) == "[5.144e+24, 1e+25]"


def test_simple_methods_have_the_names_of_the_field() -> None:
    named = [words.method(name) for name in ("tfidf_linear", "ease", "logistic_regression")]
    assert named == ["TF-IDF with a linear model", "EASE", "logistic regression"]
