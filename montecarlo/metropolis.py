"""The Metropolis-Hastings algorithm, written once for every density and every proposal.

A *target* is a NamedTuple that stands for an unnormalised density p(x) of a configuration x, an array whose first
axis counts the parts (particles, sites) that are moved one at a time. A *work* NamedTuple of arrays, allocated once
for a block of chains, holds what the target keeps between moves. A *proposal* is a NamedTuple that draws a new
value for part i, or draws which of the spins to turn over. A new target or proposal registers the functions below in
its own file.

The random numbers come in as arrays: standard normals (or uniform ones) for the proposal, and a standard exponential e
for the decision, since u < r with u uniform is the same event as log r > -e: no logarithm and no exponential are
computed.

Source: W. K. Hastings, Biometrika 57, 97 (1970), section 2.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neural.jit import generic, kernel
from neural.records import Record

SCRATCH = 3  # rows a proposal may use: the new value first, then what it keeps for the ratio of proposals


@generic
def workspace(target: Any) -> Any:
    """A NamedTuple of the arrays that ``target`` keeps between moves (called outside kernels)."""
    ...


@generic
def refresh(target: Any, work: Any, x: np.ndarray) -> None:
    """Fill ``work`` for the configuration x from scratch."""
    ...


@generic
def log_density_ratio(target: Any, work: Any, x: np.ndarray, i: int, new: np.ndarray) -> float:
    """log p(x') - log p(x), where x' is x with part i replaced by ``new``; leaves what ``accept`` needs in ``work``."""
    ...


@generic
def log_density(target: Any, work: Any, x: np.ndarray) -> float:
    """log p(x) up to a constant; ``work`` belongs to x. Only exchanges between temperatures ask for it."""
    ...


@generic
def accept(target: Any, work: Any, x: np.ndarray, i: int, new: np.ndarray) -> None:
    """Update ``work`` for the move that ``log_density_ratio`` was last asked about; x still holds the old value."""
    ...


@generic
def propose(
    proposal: Any, target: Any, work: Any, x: np.ndarray, i: int, normals: np.ndarray, scratch: np.ndarray
) -> None:
    """Write the new value of part i into scratch[0]."""
    ...


@generic
def log_proposal_ratio(proposal: Any, target: Any, work: Any, x: np.ndarray, i: int, scratch: np.ndarray) -> float:
    """log q(x | x') - log q(x' | x), asked after ``log_density_ratio``."""
    ...


@generic
def noise_per_move(proposal: Any, target: Any) -> tuple[int, int]:
    """How many numbers for the proposal and standard exponentials one move takes (called outside kernels)."""
    ...


@generic
def moves_per_sweep(proposal: Any, target: Any) -> int:
    """How many moves touch every part once (called outside kernels)."""
    ...


@generic
def carry_out(proposal: Any, x: np.ndarray, i: int, new: np.ndarray) -> None:
    """Change x as was proposed and accepted."""
    ...


@generic
def move(
    proposal: Any,
    target: Any,
    work: Any,
    x: np.ndarray,
    i: int,
    normals: np.ndarray,
    exponentials: np.ndarray,
    scratch: np.ndarray,
) -> bool:
    """Carry out one move of part i in place and tell whether it was accepted."""
    ...


@generic
def observe(observer: Any, target: Any, work: Any, x: np.ndarray, chain: int, sample: int) -> None:
    """Record whatever the observer is for; ``work`` belongs to x."""
    ...


class AcceptReject(Record):
    """Base class of the proposals that Metropolis and Hastings' rule accepts or rejects.

    ``noise`` is the method of a random generator that draws the numbers of the proposal.
    """

    __slots__ = ()
    noise = "standard_normal"


class Metropolis(AcceptReject):
    """Base class of the proposals of particles, with a step length.

    It is their field ``step``, which burn-in tunes to the class attribute ``target_acceptance``.
    """

    __slots__ = ()
    target_acceptance = 0.5
    step: float
    _replace: Callable[..., Any]


@carry_out.register(Metropolis)
def _(proposal, x, i, new):
    for d in range(x.shape[1]):
        x[i, d] = new[d]


@move.register(AcceptReject)
def _(proposal, target, work, x, i, normals, exponentials, scratch):
    propose(proposal, target, work, x, i, normals, scratch)
    log_ratio = log_density_ratio(target, work, x, i, scratch[0])
    log_ratio += log_proposal_ratio(proposal, target, work, x, i, scratch)
    if log_ratio > -exponentials[0]:  # False for NaN
        accept(target, work, x, i, scratch[0])
        carry_out(proposal, x, i, scratch[0])
        return True
    return False


def scratch_for(x: np.ndarray) -> np.ndarray:
    """What proposals write on: shape (SCRATCH, n_dims) for chains x of particles, shape (n_chains, n_parts, n_dims).

    For spins, shape (n_chains, n_sites), whole numbers (1, n_sites + 1): how many to turn over, then which.
    """
    return np.empty((SCRATCH, x.shape[2])) if x.ndim == 3 else np.zeros((1, x.shape[1] + 1), dtype=np.int64)


class Noise(NamedTuple):
    """The random numbers of a block of chains: shapes (n_chains, n_moves, numbers per move)."""

    normals: np.ndarray  # of the proposal, which may also ask for uniform ones
    exponentials: np.ndarray


@kernel
def run_block(target, work, proposal, observer, x, noise, n_samples, first, accepted, scratch):
    """Run a block of chains x, shape (n_chains, n_parts, ...), in place; for ``scratch`` see ``scratch_for``.

    Each chain makes n_moves / n_samples moves, part after part beginning with part ``first``, before each of the
    ``n_samples`` observations; ``accepted``, shape (n_chains,), counts the accepted ones.
    """
    n_chains, n_parts = x.shape[:2]
    moves_per_sample = noise.normals.shape[1] // n_samples
    for chain in range(n_chains):
        refresh(target, work, x[chain])
        k = 0
        for sample in range(n_samples):
            for _ in range(moves_per_sample):
                normals, exponentials = noise.normals[chain, k], noise.exponentials[chain, k]
                part = (first + k) % n_parts
                accepted[chain] += move(proposal, target, work, x[chain], part, normals, exponentials, scratch)
                k += 1
            observe(observer, target, work, x[chain], chain, sample)
