"""A Monte Carlo estimate: a mean, its standard error, and how far both can be trusted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from neural.records import same

# Degrees of freedom below which the error itself is too uncertain to be quoted without a warning.
ENOUGH_DEGREES_OF_FREEDOM = 10.0


class ByFields:
    """Base of data classes that are equal where their fields are; NaN equals NaN."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(same(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))  # type: ignore

    def __hash__(self) -> int:
        return hash((type(self), str(self)))


class ChainTooShortWarning(UserWarning):
    """The chains are too few and too short for an honest error; the message says how many steps are needed."""


def student_factor(dof: float) -> float:
    """Standard deviation of Student's t with ``dof`` degrees of freedom, sqrt(dof / (dof - 2)).

    A standard error that was itself estimated with few degrees of freedom is too small too often. Multiplied by
    this factor one error covers 71.0 %, two errors cover 95.1 % of the cases at 10 degrees of freedom, and 68.3 %
    and 95.4 %, as for a normal distribution, at infinitely many. Below 3 the factor of 3 is used.
    """
    dof = max(dof, 3.0)
    return math.sqrt(dof / (dof - 2)) if math.isfinite(dof) else 1.0


def exceeds(variance: float, dof: float, other: float, other_dof: float) -> bool:
    """Whether an estimated variance is larger than another one by three standard deviations of their ratio.

    The normal score of the F distribution of the ratio is Paulson's (Ann. Math. Stat. 13, 233 (1942)).
    """
    a, b = 2 / (9 * dof), 2 / (9 * other_dof)
    root, other_root = math.cbrt(variance), math.cbrt(other)
    return (1 - b) * root - (1 - a) * other_root > 3 * math.hypot(math.sqrt(b) * root, math.sqrt(a) * other_root)


@dataclass(frozen=True, slots=True, eq=False)
class Estimate(ByFields):
    """``mean +- error``: one error covers the truth with 68 %, two errors with 95 % probability.

    ``Estimate(mean, error)`` alone is a reference value whose sampling is not known.

        mean          average of all samples
        error         standard error of the mean, Student's factor of its degrees of freedom included
        tau           integrated autocorrelation time 1 + 2 sum_t rho(t) in recorded samples; 1 if independent
        r_hat         split R-hat of the chains, near 1 when they agree
        n_eff         number of independent samples that give the same error, n / tau
        n             number of samples
        variance      variance of the samples
        dof           degrees of freedom of the error: its relative uncertainty is 1 / sqrt(2 dof)
        steps_needed  0, or the steps per chain that an honest error needs where the chains were too short

    Sums and products with numbers are estimates again.
    """

    mean: float
    error: float
    tau: float = math.nan
    r_hat: float = math.nan
    n_eff: float = math.nan
    n: int = 0
    variance: float = math.nan
    dof: float = math.inf
    steps_needed: int = 0

    @property
    def too_short(self) -> bool:
        """Whether the chains were too short for an honest error."""
        return self.steps_needed > 0

    def z(self, reference: "float | Estimate", reference_error: float = 0.0) -> float:
        """(mean - reference) / error, the errors of both added in quadrature.

        Without any error it is 0 where the two agree and infinite where they do not.
        """
        if isinstance(reference, Estimate):
            reference, reference_error = reference.mean, reference.error
        difference = self.mean - reference
        error = math.hypot(self.error, reference_error)
        if error == 0:
            return difference * math.inf if difference else 0.0
        return difference / error

    def __add__(self, constant: float) -> "Estimate":
        return replace(self, mean=self.mean + constant)

    def __mul__(self, factor: float) -> "Estimate":
        error, variance = abs(factor) * self.error, factor**2 * self.variance
        return replace(self, mean=factor * self.mean, error=error, variance=variance)

    def __sub__(self, constant: float) -> "Estimate":
        return self + (-constant)

    def __rsub__(self, constant: float) -> "Estimate":
        return -self + constant

    def __truediv__(self, divisor: float) -> "Estimate":
        return self * (1 / divisor)

    def __neg__(self) -> "Estimate":
        return self * -1.0

    __radd__ = __add__
    __rmul__ = __mul__

    def __str__(self) -> str:
        return " ".join([_with_error(self.mean, self.error), *self._diagnostics()])

    def _diagnostics(self) -> list[str]:
        if self.n > 1 and self.variance == 0:
            return [f"[all {self.n} samples are equal]"]
        diagnostics = {
            f"tau {_two_digits(self.tau)}": not math.isnan(self.tau),
            f"R-hat {shown_r_hat(self.r_hat)}": not math.isnan(self.r_hat),
            f"n_eff {_two_digits(self.n_eff)}": not math.isnan(self.n_eff),
            f"too short: needs {self.steps_needed} steps per chain": self.too_short,
        }
        known = [text for text, is_known in diagnostics.items() if is_known]
        return [f"[{', '.join(known)}]"] if known else []


def _two_digits(value: float) -> str:
    """Two significant digits without an exponent: 1.9, 47, 4300."""
    return f"{float(f'{value:.1e}'):.15g}"


def shown_r_hat(r_hat: float) -> str:
    """Three decimals near 1, where they matter; three digits of what is large: 1.012, 13.9, 2.1e+06."""
    return f"{r_hat:.3f}" if not r_hat >= 10 else f"{r_hat:.3g}"


def _with_error(mean: float, error: float) -> str:
    """``mean +- error`` with two significant digits of the error and as many decimals of the mean."""
    if not (math.isfinite(mean) and 0 < error < math.inf):
        return f"{mean:.15g} +- {error:.15g}"
    magnitude = math.floor(math.log10(max(abs(mean), error)))
    if not -4 <= magnitude < 9:
        scale = 10.0**magnitude
        return f"({_with_error(mean / scale, error / scale)})e{magnitude:+03d}"
    exponent = int(f"{error:.1e}".partition("e")[2])
    decimals = 1 - exponent
    if decimals > 15:
        return f"{mean:.15f} +- {error:.1e}"
    return f"{round(mean, decimals):.{max(decimals, 0)}f} +- {round(error, decimals):.{max(decimals, 0)}f}"


def merge(estimates: Sequence[Estimate]) -> Estimate:
    """The estimate of all samples together, from estimates of one quantity by independent chains.

        mean = sum_i w_i mean_i,    error^2 = sum_i w_i^2 error_i^2,    w_i = n_i / n,    n = sum_i n_i

    Weights by the number of samples keep the mean unbiased; weights by 1 / error^2 would not, because an error
    is estimated from the same samples as its mean. The degrees of freedom follow Welch and Satterthwaite
    (Satterthwaite, Biometrics Bulletin 2, 110 (1946)). Where K parts differ by more than their errors explain (by
    three standard deviations), the error is that of their spread, sum_i w_i (mean_i - mean)^2 / (K - 1), as in
    ``estimate``. R-hat is the largest of the parts' and of the R-hat between the parts, so that parts which disagree
    are seen. Batches of the *same* continuing chains are not independent: use ``Accumulator`` for them.

    Raises ValueError without estimates, or if one does not know its number of samples or their variance.
    """
    parts = list(estimates)
    if not parts or any(part.n < 1 for part in parts):
        raise ValueError("merge needs at least one estimate, each with its number of samples n >= 1")
    n = sum(part.n for part in parts)
    weights = [part.n / n for part in parts]
    mean = parts[0].mean + sum(w * (part.mean - parts[0].mean) for w, part in zip(weights, parts, strict=True))
    within = sum(w * part.variance for w, part in zip(weights, parts, strict=True))
    between = sum(w * (part.mean - mean) ** 2 for w, part in zip(weights, parts, strict=True))
    squared_error, dof, disagree = _merged_error(parts, weights, between)
    variance = within + between
    tau = sum(w * part.tau for w, part in zip(weights, parts, strict=True))
    if disagree or (math.isnan(tau) and variance > 0):
        tau = squared_error * n / variance
    return Estimate(
        mean=mean,
        error=math.sqrt(squared_error) * student_factor(dof),
        tau=tau,
        r_hat=_merged_r_hat(parts, within, n / len(parts)),
        n_eff=n / tau if tau else math.inf,
        n=n,
        variance=variance,
        dof=dof,
        steps_needed=0 if dof >= ENOUGH_DEGREES_OF_FREEDOM else max(part.steps_needed for part in parts),
    )


def _merged_error(parts: Sequence[Estimate], weights: Sequence[float], between: float) -> tuple[float, float, bool]:
    """The squared error without Student's factor, its degrees of freedom, and whether the parts disagree."""
    squares = [(w * part.error / student_factor(part.dof)) ** 2 for w, part in zip(weights, parts, strict=True)]
    total, dof = sum(squares), _satterthwaite(squares, [part.dof for part in parts])
    if len(parts) > 1 and exceeds(between / (len(parts) - 1), len(parts) - 1, total, dof):
        return between / (len(parts) - 1), len(parts) - 1.0, True
    return total, dof, False


def _satterthwaite(squares: Sequence[float], dofs: Sequence[float]) -> float:
    """Degrees of freedom of a sum of squared errors: (sum s)^2 / sum(s^2 / dof)."""
    spread = sum(square**2 / dof for square, dof in zip(squares, dofs, strict=True))
    return sum(squares) ** 2 / spread if spread > 0 else math.inf


def _merged_r_hat(parts: Sequence[Estimate], within: float, n: float) -> float:
    """The largest R-hat of the parts and of the parts taken as chains of ``n`` samples; infinite if all stand still."""
    values = [part.r_hat for part in parts if not math.isnan(part.r_hat)]
    centre = sum(part.mean - parts[0].mean for part in parts) / len(parts)
    spread = sum((part.mean - parts[0].mean - centre) ** 2 for part in parts) / max(1, len(parts) - 1)
    if within > 0 and len(parts) > 1:
        values.append(math.sqrt((n - 1) / n + spread / within))
    elif spread > 0:
        values.append(math.inf)
    return max(values, default=math.nan)
