"""What a measurement found, and whether each part of it can be believed."""

from typing import Any, NamedTuple

import numpy as np

from montecarlo.diagnostics import split_r_hat, still_chains
from montecarlo.estimates import Estimate, shown_r_hat
from montecarlo.moments import Estimates, Moments
from montecarlo.statistics import Accumulator

LARGEST_R_HAT = 1.05
FEWEST_SAMPLES = 50  # independent ones
FEW_ELEMENTS = 0.01  # of an array, which may have a larger R-hat by chance
ROUNDING = 1e-9  # relative: what remains of an error at zero variance


class Progress(NamedTuple):
    """How far a measurement has come."""

    n_samples: int
    n_total: int
    energy: Estimate
    acceptance: float


class Measurement(NamedTuple):
    """The energy and the other observables of a fixed wave function."""

    energy: Estimate
    observables: dict[str, Any]  # Estimate by name, or Estimates of an array
    acceptance: float
    variance: float  # of H, which is that of both parts of a complex local energy
    warnings: dict[str, str] = {}  # noqa: RUF012 (never changed): what casts doubt on a value, by its name
    diverged: str = ""  # how the training ran away, where it did


def doubts(sums: Accumulator | Moments) -> str:
    """What casts doubt on the estimate of these sums, in a line, or nothing.

    Of a number, R-hat of its values, of their ranks and of the ranks of their distances from the median above 1.05
    (which sees chains that differ in spread only), chains that never move, and few independent samples, or values that
    are not finite; of an array, R-hat of more than a hundredth of its elements.
    """
    if isinstance(sums, Moments):
        return _doubts_of_array(sums.estimate())
    found = sums.estimate(warn=False)
    if not np.isfinite(found.mean):
        return "some values are not finite"
    if not found.error > ROUNDING * abs(found.mean):
        return ""
    r_hat, still = found.r_hat, still_chains(sums.blocks)
    if not r_hat > LARGEST_R_HAT:
        r_hat = split_r_hat(sums.blocks, rank_normalized=True)
    texts = {
        f"R-hat {shown_r_hat(r_hat)} is above {LARGEST_R_HAT}: the chains disagree; measure or burn in longer": (
            r_hat > LARGEST_R_HAT
        ),
        f"{still} of {len(sums.blocks)} chains never move": still > 0,
        f"only {found.n_eff:.2g} independent samples (tau {found.tau:.3g})": found.n_eff < FEWEST_SAMPLES,
    }
    return "; ".join(text for text, is_true in texts.items() if is_true)


def _doubts_of_array(found: Estimates) -> str:
    r_hat = found.r_hat[~np.isnan(found.r_hat)]
    large = np.count_nonzero(r_hat > LARGEST_R_HAT)
    if large <= FEW_ELEMENTS * r_hat.size:
        return ""
    largest = f"up to {shown_r_hat(float(r_hat.max()))}"
    return (
        f"R-hat of {large} of {r_hat.size} numbers is above {LARGEST_R_HAT}, {largest}: the chains disagree; "
        "measure or burn in longer"
    )
