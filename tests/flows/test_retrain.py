from pathlib import Path

import pytest

from flows.errors import StageFailed
from flows.retrain import present, retrain
from tests.flows import toy

pytestmark = pytest.mark.usefixtures("api")


@pytest.fixture
def source(root: Path, tmp_path: Path) -> Path:
    """The file outside of `root` that its raw data are imported from; everything has been run and committed."""
    source = tmp_path / "source.txt"
    source.write_text("raw\n")
    toy.run(root, "git", "rm", "--quiet", "data/raw/input.txt")
    (root / "data" / "raw").mkdir(parents=True, exist_ok=True)
    with (root / ".gitignore").open("a") as file:
        file.write("/data/raw/*\n!/data/raw/*.dvc\n")
    toy.run(root, "dvc", "import-url", "--quiet", str(source), "data/raw/input.txt")
    toy.run(root, "dvc", "repro", "--quiet")
    toy.commit(root, "Import and run")
    return source


def tags(root: Path) -> list[str]:
    return toy.run(root, "git", "tag").stdout.split()


def test_new_data_become_a_branch_and_a_version_and_old_data_nothing(root: Path, source: Path, tmp_path: Path) -> None:
    toy.run(root, "dvc", "remote", "add", "--quiet", "--default", "store", "../store")
    toy.commit(root, "Add a remote")
    start = toy.run(root, "git", "rev-parse", "HEAD").stdout
    assert retrain().startswith("Nothing to publish")
    assert tags(root) == []

    source.write_text("raw and newer\n")
    said = retrain(branch="retrain/newer")
    assert "`trimline@v0.0.1`" in said
    assert tags(root) == ["trimline@v0.0.1"]
    log = toy.run(root, "git", "log", "--format=%an %ae %P", "-1", "trimline@v0.0.1", "--").stdout
    assert log == f"Trimline trimline@localhost {start}"
    changed = toy.run(root, "git", "diff", "--name-only", "main", "retrain/newer").stdout.split()
    assert changed == ["data/raw/input.txt.dvc", "dvc.lock"]
    assert toy.run(root, "git", "rev-parse", "HEAD").stdout == start
    assert toy.artifact("publication").data == said

    clone = tmp_path / "clone"
    toy.run(root, "git", "clone", "--quiet", "--branch", "retrain/newer", str(root), str(clone))
    toy.run(clone, "dvc", "pull", "--quiet")  # from ../store, which is the same folder for this neighbour
    assert (clone / "late").read_text() == "raw and newer\n" * 4


@pytest.mark.parametrize("remote", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_release_that_is_worse_than_the_newest_version_is_not_published(
    root: Path, source: Path, remote: bool
) -> None:
    if remote:
        toy.run(root, "dvc", "remote", "add", "--quiet", "--default", "store", "../store")
        toy.commit(root, "Add a remote")
    source.write_text("raw and newer\n")
    retrain()
    source.write_text("worse\n")
    with pytest.raises(StageFailed, match="worse than the champion") as failure:
        retrain()
    assert failure.value.name == "compare" and failure.value.exit_status == 1
    assert tags(root) == ["trimline@v0.0.1"]
    assert not list((root / ".trimline/clones").iterdir())


def test_nothing_is_published_when_a_stage_fails(root: Path, source: Path) -> None:
    toy.add_stage(root, "gate", "echo too slow && exit 1")
    source.write_text("raw and newer\n")
    with pytest.raises(StageFailed, match="too slow"):
        retrain()
    assert tags(root) == []
    assert toy.run(root, "git", "branch", "--format=%(refname:short)").stdout.split() == ["main"]


def test_a_tree_without_a_commit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.run(tmp_path, "git", "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="which has no commit"):
        retrain()


def test_only_pointers_that_are_there_are_committed(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()  # every DVC repository has this folder; it is no pointer
    (tmp_path / "dvc.lock").touch()
    assert present(tmp_path) == ["dvc.lock"]
    (tmp_path / "images.dvc").touch()
    assert present(tmp_path) == ["dvc.lock", "*.dvc"]


@pytest.mark.slow
def test_the_plan_that_the_stages_ran_with_is_published_with_the_lock_that_names_it(root: Path, source: Path) -> None:
    plan = "mkdir -p plan/export && cp data/raw/input.txt plan/train.json && cp data/raw/input.txt plan/export/a.json"
    with (root / "dvc.yaml").open("a") as file:
        file.write(
            f"  plan:\n    cmd: {plan}\n    deps: [data/raw/input.txt]\n"
            "    outs: [{plan: {cache: false, persist: true}}]\n"
        )
    toy.run(root, "dvc", "repro", "--quiet")
    toy.commit(root, "Add a plan")
    source.write_text("raw and newer\n")
    retrain(branch="retrain/newer")
    changed = toy.run(root, "git", "diff", "--name-only", "main", "retrain/newer").stdout.split()
    assert changed == ["data/raw/input.txt.dvc", "dvc.lock", "plan/export/a.json", "plan/train.json"]
