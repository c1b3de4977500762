"""Products of Pauli matrices as X^F Z^S: F are the sites that are turned over, S those whose spins multiply."""

from collections.abc import Iterable
from numbers import Number

import numpy as np

Term = tuple[complex, str]
Key = tuple[tuple[int, ...], tuple[int, ...]]  # F and S
ROUNDING = 1e-14  # of a sum, relative to the sum of the absolute values


def parse(string: str) -> tuple[complex, tuple[int, ...], tuple[int, ...]]:
    """The phase, F and S of a product such as "X0 Y3 Z1" as phase X^F Z^S, with Y = i X Z and Z X = -X Z."""
    phase, flip, sign = 1 + 0j, set(), set()
    for token in string.split():
        letter, site = token[:1], token[1:]
        if letter not in ("X", "Y", "Z") or not (site.isascii() and site.isdigit()):
            raise ValueError(f"expected a product such as 'X0 Y3 Z1', got {string!r}")
        if letter in "XY":
            phase *= -1 if int(site) in sign else 1
            flip ^= {int(site)}
        if letter in "YZ":
            phase *= 1j if letter == "Y" else 1
            sign ^= {int(site)}
    return phase, tuple(sorted(flip)), tuple(sorted(sign))


def product(flip: tuple[int, ...], sign: tuple[int, ...]) -> str:
    """The string of X^F Z^S without its phase, such as "X0 Y3 Z1"."""
    letters = {(True, True): "Y", (True, False): "X", (False, True): "Z"}
    return " ".join(f"{letters[site in flip, site in sign]}{site}" for site in sorted({*flip, *sign}))


def check_terms(terms: Iterable[Term]) -> list[Term]:
    """Pairs of a finite number and a string, or a ``ValueError`` that names the first that is none."""
    found = list(terms)
    for term in found:
        pair = isinstance(term, tuple | list) and len(term) == 2
        if not pair or not isinstance(term[0], Number) or not isinstance(term[1], str):
            swapped = pair and isinstance(term[0], str) and isinstance(term[1], Number)
            remedy = f": write ({term[1]!r}, {term[0]!r})" if swapped else ""
            raise ValueError(f"expected pairs of a number and a product, such as (-1.0, 'Z0 Z1'), got {term!r}{remedy}")
        if not np.isfinite(complex(term[0])):  # type: ignore[arg-type]
            raise ValueError(f"expected a finite coefficient of {term[1]}, got {term[0]!r}")
    return found


def added_up(terms: Iterable[tuple[Key, complex]]) -> dict[Key, complex]:
    """The sums of the coefficients by their products, without those that vanish within rounding."""
    sums: dict[Key, complex] = {}
    sizes: dict[Key, float] = {}
    for key, coefficient in terms:
        sums[key] = sums.get(key, 0) + coefficient
        sizes[key] = sizes.get(key, 0.0) + abs(coefficient)
    return {key: value for key, value in sums.items() if abs(value) > ROUNDING * sizes[key]}


def without(sites: tuple[int, ...], site: int) -> tuple[int, ...]:
    """The sites without one that is among them, or with one that is not."""
    return tuple(sorted({*sites} ^ {site}))
