"""The configuration of a run from flags and a TOML file."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tyro

from .errors import ConfigError
from .experiments.experiment import Experiment
from .experiments.settings import Settings


def settings_from(experiment: Experiment, words: Sequence[str]) -> Settings:
    """The settings given by command-line words; ``--config FILE`` supplies those that no flag sets.

    Raises ``ConfigError`` for unknown fields and values out of range, with the nearest name or the limit.
    """
    file = _config_file(words)
    default = experiment.settings.model_validate(read_toml(file) if file else {})
    return tyro.cli(
        experiment.settings, prog=f"born run {experiment.name}", args=list(words), default=default, config=OPTIONS
    )


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
            fields = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: expected a TOML file with fields ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a TOML file with fields, found: {error}") from None
    return {name.replace("-", "_"): value for name, value in fields.items()}
