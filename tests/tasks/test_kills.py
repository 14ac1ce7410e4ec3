"""Whatever process of a training by several workers is killed, and whenever: the same bytes, and nothing left."""

from pathlib import Path

import pytest

from tests.tasks import kills


@pytest.mark.slow
def test_random_kills_cost_no_byte_and_leave_nothing(tmp_path: Path) -> None:
    found = list(kills.runs(6, seed=0, folder=tmp_path / "line"))
    assert len(found) == 7 and all(run.good for run in found), found
