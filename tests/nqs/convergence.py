"""The order of an approximation, measured."""

from collections.abc import Callable

import numpy as np
import pytest

STEP_SIZES = 0.5 ** np.arange(4, 10)


def assert_second_order(approximation: Callable[[float], np.ndarray], exact: np.ndarray) -> None:
    """Fail unless the error falls as the square of the step size, by regression over a sweep of step sizes.

    A wrong ``exact`` leaves an error that does not fall at all.
    """
    errors = np.array([np.linalg.norm(approximation(h) - exact) for h in STEP_SIZES])
    assert np.polyfit(np.log(STEP_SIZES), np.log(errors), 1)[0] == pytest.approx(2, abs=0.05)
