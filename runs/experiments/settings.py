"""The typed configuration that every experiment shares, and its errors in the words of the command line."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import ConfigError, nearest, shortened

LIMITS = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
}


LEAST, MOST = 1e-12, 1e12  # of frequencies, couplings and the like: their squares neither vanish nor overflow
CHANGEABLE = frozenset(
    {"threads", "checkpoint", "learning_rate", "final_learning_rate", "shift", "first_shift", "momentum", "clip"}
    | {"shift_decay", "natural", "k", "tolerance", "cutoff", "least_signal", "patience", "vmc_error"}
    | {"n_steps", "n_epochs", "n_updates", "n_samples", "n_measure", "n_vmc_steps"}
)
"""Fields that may differ when a run is continued: rates, lengths and the like, on which no saved array depends."""


class Settings(BaseModel):
    """Fields of every experiment. Each is a flag of ``born run`` and a key of its TOML file.

    A field that was added after results were written says what it meant for them where that is not its default:
    ``Field(default=..., json_schema_extra={"before": value})``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=1, ge=0, lt=2**63, description="seed of every random number of the run")
    threads: int = Field(default=2, ge=1, le=1024, description="number of threads; results do not depend on it")
    checkpoint: float = Field(
        default=5.0, ge=0, allow_inf_nan=False, description="least seconds between two saves; 0 saves every step"
    )
    out: Path | None = Field(default=None, description="result file; results/NAME.h5 if not given")
    overwrite: bool = Field(default=False, exclude=True, description="replace an existing result file")
    config: Path | None = Field(default=None, exclude=True, description="TOML file with fields; flags win over it")

    def filled(self, values: Mapping[str, Any]) -> Self:
        """The same settings, with these values of fields that are None."""
        return self.model_copy(update={name: v for name, v in values.items() if getattr(self, name) is None})

    @classmethod
    def stored(cls, config: Mapping[str, Any]) -> Self:
        """The settings of a result; a field that it lacks has the value that it meant when the result was written."""
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        before = {name: each["before"] for name, each in extras.items() if isinstance(each, dict) and "before" in each}
        return cls.model_validate({**before, **config})

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: Any) -> Any:
        try:
            return validate(values)
        except ValidationError as error:
            raise ConfigError("\n".join(_messages(cls, error))) from None


def _messages(settings: type[Settings], error: ValidationError) -> list[str]:
    problems: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        field = str(problem["loc"][0]) if problem["loc"] else settings.__name__
        problems.setdefault(field, _message(settings, field, problem))
    return list(problems.values())


def _message(settings: type[Settings], field: str, problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        return f"unknown field {field!r}: {nearest(field, settings.model_fields)}"
    template = LIMITS.get(problem["type"])
    reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    expected = template.format(**problem.get("ctx", {})) if template else reason
    return f"{field.replace('_', '-')}: expected {expected}, found {shortened(repr(problem['input']))}"


def _positive(values: float | tuple[float, ...]) -> float | tuple[float, ...]:
    numbers = values if isinstance(values, tuple) else (values,)
    if not numbers or not all(math.isfinite(number) and number > 0 for number in numbers):
        raise ValueError("one positive number, or one per axis")
    if not all(LEAST <= number <= MOST for number in numbers):
        raise ValueError(f"numbers between {LEAST:g} and {MOST:g}")
    return numbers[0] if len(numbers) == 1 else numbers


Frequencies = Annotated[float | tuple[float, ...], AfterValidator(_positive)]
