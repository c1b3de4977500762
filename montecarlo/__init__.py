"""Markov chains, and what their samples are worth."""

from montecarlo.moments import Estimates, Moments
from montecarlo.statistics import (
    Accumulator,
    Blocking,
    ChainTooShortWarning,
    Estimate,
    autocorrelation,
    blocking,
    estimate,
    integrated_autocorrelation_time,
    merge,
    split_r_hat,
)

__all__ = [
    "Accumulator",
    "Blocking",
    "ChainTooShortWarning",
    "Estimate",
    "Estimates",
    "Moments",
    "autocorrelation",
    "blocking",
    "estimate",
    "integrated_autocorrelation_time",
    "merge",
    "split_r_hat",
]
