"""The plan file of a stage: settings, code digests, package versions.

`plan` writes one for each stage, `plan/<stage>.json`. A stage reads its settings from there and from nowhere else, and
refuses to run with other code or other packages than those that were planned.
"""

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.core import code_digest, environment
from tasks.core.errors import ParamsError
from tasks.core.files import read_json, write_json
from tasks.core.params.gates import Device
from tasks.line.params import typed
from tasks.models.layer_names import LayerReferences

# Sections that `plan` makes of others.
DERIVED: dict[str, Any] = {"device": Device, "layer_references": LayerReferences | None}
MANY = 3  # modules that an error names


@dataclass(frozen=True)
class PlanFile:
    """What a stage will run with.

    Attributes:
        stage: its name, with its key, such as `compress@int8`.
        kind: of the line; the types of some settings follow from it.
        architecture: of the base model; empty where the stage does not take the section `train`.
        settings: by section, complete.
        code: digest of each module that the stage imports, and of each template.
        packages: version of each package that can change the stage's result.
    """

    stage: str
    kind: str
    architecture: str
    settings: dict[str, Any]
    code: dict[str, str]
    packages: dict[str, str]

    @property
    def path(self) -> str:
        """The file's place in the folder of plans: `compress/int8.json`."""
        return f"{self.stage.replace('@', '/')}.json"

    def conditions_sha256(self) -> str:
        """Return the digest of what a run depends on beside its own settings: code, packages, threads.

        Checkpoints of a killed run are found by it. A setting that changes no result, such as a number of processes,
        may then be changed before the run goes on: whoever keeps a checkpoint adds the settings that count.
        """
        conditions = [self.code, self.packages, self.settings.get("compute")]
        return hashlib.sha256(json.dumps(conditions, sort_keys=True).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write it into a folder of plans."""
        write_json(folder / self.path, asdict(self))

    def values(self, sections: list[str]) -> list[Any]:
        """Return sections as their types; see `section_type`.

        Raises:
            ParamsError: the file lacks one, or what it says of one is not of its type.
        """
        _, _, key = self.stage.partition("@")
        try:
            return [
                TypeAdapter(section_type(name, self.kind, self.architecture, is_entry=bool(key))).validate_json(
                    TypeAdapter(Any).dump_json(self.settings[name])
                )
                for name in sections
            ]
        except (KeyError, ValidationError) as error:
            raise _outdated(self.stage, f"settings of another version of Trimline: {error}") from None


def load(path: Path) -> PlanFile:
    """Read a plan file.

    Raises:
        ParamsError: there is none, or it is of another form.
    """
    try:
        return PlanFile(**read_json(path))
    except FileNotFoundError:
        there = sorted(other.stem for other in path.parent.glob("*.json"))
        raise _outdated(str(path), f"no such file; there are {there}" if there else "no such file") from None
    except (ValueError, TypeError) as error:
        raise _outdated(str(path), f"a file of another form ({error})") from None


def section_type(name: str, kind: str, architecture: str, *, is_entry: bool) -> Any:
    """Return the type of a section.

    Args:
        name: of the section, such as `compress`; `line` is the whole of the parameters.
        kind: of the line.
        architecture: of the base model.
        is_entry: whether it is one entry of a section that has one for each role or recipe.
    """
    line = typed(kind, architecture)
    if name == "line":
        return line
    annotation: Any = DERIVED[name] if name in DERIVED else line.model_fields[name].annotation
    has_entries = getattr(annotation, "__origin__", None) is dict
    return annotation.__args__[1] if has_entries and is_entry else annotation


def require_current(plan: PlanFile) -> None:
    """Make sure that the code and the packages are those that were planned.

    Raises:
        ParamsError: a module was changed, or a package has another version.
    """
    changed = [name for name, digest in plan.code.items() if code_digest.digest_of(name) != digest]
    if changed:
        more = f" and {len(changed) - MANY} more" if len(changed) > MANY else ""
        raise _outdated(plan.stage, f"other code than was planned: {', '.join(changed[:MANY])}{more}")
    installed = {name: environment.installed_version(name) or "missing" for name in plan.packages}
    if wrong := {name: version for name, version in installed.items() if version != plan.packages[name]}:
        found = (f"{name} {version}, planned {plan.packages[name]}" for name, version in wrong.items())
        raise _outdated(plan.stage, ", ".join(found), _remedy(wrong))


PLAN_AGAIN = "run `dvc repro` (or `trimline run`), which plans first; after an upgrade `trimline upgrade`"


def _remedy(wrong: dict[str, str]) -> str:
    """Say what to do about installed versions: DVC plans again only where the lock has changed, too."""
    lock = environment.lock_file()
    locked = environment.locked_versions(lock)
    is_other = any(locked.get(name, version) != version for name, version in wrong.items())
    return environment.install_advice(lock) if is_other else PLAN_AGAIN


def _outdated(stage: str, found: str, do: str = PLAN_AGAIN) -> ParamsError:
    return ParamsError(
        got=f"{stage}: {found}",
        do=do,
    )


def sections_of(stage: Callable[..., None]) -> list[str]:
    """Return the names of a stage's positional parameters: the sections of settings that it takes."""
    parameters = inspect.signature(stage).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
