"""Sparse regression for laws of motion: a library of functions, and the few of them that are needed."""

import itertools
from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def monomials(x: Array, degree: int) -> tuple[Array, list[str]]:
    """All products of the columns of x (n, d) up to a degree, shape (n, n_terms), and their names.

    The names are 1, x, y, z, x^2, x y, ... for up to three columns.
    """
    if x.ndim != 2 or not 1 <= x.shape[1] <= 3:
        raise ValueError(f"expected x of shape (n, 1), (n, 2) or (n, 3), got {x.shape}")
    columns, names = [], []
    for order in range(degree + 1):
        for chosen in itertools.combinations_with_replacement(range(x.shape[1]), order):
            columns.append(np.prod(x[:, chosen], axis=1))
            names.append(_name([chosen.count(k) for k in range(x.shape[1])]))
    return np.stack(columns, axis=1), names


def _name(powers: Sequence[int]) -> str:
    letters = "z" if len(powers) == 1 else "xyz"
    factors = [letter if n == 1 else f"{letter}^{n}" for letter, n in zip(letters, powers) if n]
    return " ".join(factors) or "1"


def sparse_regression(library: Array, targets: Array, threshold: float, n_rounds: int = 20) -> Array:
    """Coefficients (n_terms, d) of targets (n, d) = library @ coefficients with none smaller than ``threshold``.

    Least squares, then again and again without the terms whose coefficients are below the threshold, until nothing
    changes. Source: S. L. Brunton, J. L. Proctor, J. N. Kutz, PNAS 113, 3932 (2016), code 1.
    """
    if library.ndim != 2 or targets.ndim != 2 or len(library) != len(targets):
        raise ValueError(f"expected arrays (n, n_terms) and (n, d), got shapes {library.shape} and {targets.shape}")
    coefficients = np.linalg.lstsq(library, targets)[0]
    for _ in range(n_rounds):
        kept = np.abs(coefficients) >= threshold
        new = np.zeros_like(coefficients)
        for k in range(targets.shape[1]):
            if kept[:, k].any():
                new[kept[:, k], k] = np.linalg.lstsq(library[:, kept[:, k]], targets[:, k])[0]
        if np.array_equal(new, coefficients):
            break
        coefficients = new
    return coefficients


def equation(left: str, coefficients: Array, names: Sequence[str]) -> str:
    """``z'' = -0.99 sin z`` from coefficients (n_terms,); those that are zero are left out."""
    terms = [f"{c:+.4g} {name}".removesuffix(" 1") for c, name in zip(coefficients, names, strict=True) if c]
    right = " ".join(f"{term[0]} {term[1:]}" for term in terms).removeprefix("+ ") or "0"
    return f"{left} = -{right[2:]}" if right.startswith("- ") else f"{left} = {right}"
