"""The configuration of a run from flags and a TOML file."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tyro

from .errors import ConfigError
from .experiments.experiment import Experiment
from .experiments.settings import CHANGEABLE, Settings


def settings_from(experiment: Experiment, words: Sequence[str]) -> Settings:
    """The settings given by command-line words; ``--config FILE`` supplies those that no flag sets.

    Raises ``ConfigError`` for unknown fields and values out of range, with the nearest name or the limit.
    """
    file = _config_file(words)
    default = experiment.settings.model_validate(read_toml(file) if file else {})
    return tyro.cli(
        experiment.settings, prog=f"born run {experiment.name}", args=list(words), default=default, config=OPTIONS
    )


def changed_settings(experiment: Experiment, stored: Settings, words: Sequence[str]) -> Settings:
    """The settings with which a run is continued: the stored ones, but for those that words or ``--config`` set.

    Raises ``ConfigError`` for a field that has to stay as it is, since the saved state depends on it.
    """
    if not words:
        return stored
    file = _config_file(words)
    default = experiment.settings.model_validate({**stored.model_dump(), **(read_toml(file) if file else {})})
    settings = tyro.cli(experiment.settings, prog="born resume FILE", args=list(words), default=default, config=OPTIONS)
    fixed = sorted(differing(stored, settings).keys() - CHANGEABLE)
    if fixed:
        known = ", ".join(_flag(name) for name in type(stored).model_fields if name in CHANGEABLE)
        raise ConfigError(f"{_flag(fixed[0])}: expected as it is when a run continues; what may change: {known}")
    return settings


def differing(before: Settings, after: Settings) -> dict[str, tuple[Any, Any]]:
    """The fields whose values differ, with both of them as a result file has them."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: (old[name], new[name]) for name in old if old[name] != new[name]}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


MOST_BYTES = 2**20  # of a TOML file
OPTIONS = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)


def _config_file(words: Sequence[str]) -> Path | None:
    for word, following in zip(words, [*words[1:], ""]):
        if word == "--config" and following:
            return Path(following)
        if word.startswith("--config="):
            return Path(word.removeprefix("--config="))
    return None


def read_toml(path: Path) -> dict[str, Any]:
    """The fields in a TOML file, written with hyphens or underscores. Raises ``ConfigError`` if it cannot be read."""
    try:
        with open(path, "rb") as file:
            fields = tomllib.loads(file.read(MOST_BYTES).decode("utf-8-sig"))  # with a byte-order mark or without
    except OSError as error:
        raise ConfigError(f"{path}: expected a TOML file with fields ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a TOML file with fields, found: {error}") from None
    return {name.replace("-", "_"): value for name, value in fields.items()}
