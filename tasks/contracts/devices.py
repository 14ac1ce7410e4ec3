"""What a kind of device can run: `presets/devices/<name>.yaml`, named by `release.device`."""

from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.contracts.errors import ParamsError
from tasks.contracts.section import Section


class Device(Section):
    """Operators by their TFLite names, and the types of the tensors that they may write."""

    description: str
    operators: list[str]
    types: list[str]


def load(path: Path) -> Device:
    """Read a device's file.

    Raises:
        ParamsError: it is missing, or not of this form.
    """
    try:
        return Device.model_validate(YAML(typ="safe").load(path))
    except (OSError, YAMLError, ValidationError) as error:
        raise ParamsError(
            got=f"{path}: {error}",
            expected="description, operators and types of a device",
            do=f"correct release.device, or write {path.name} as those beside it",
        ) from None
