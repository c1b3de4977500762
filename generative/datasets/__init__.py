"""Data to learn from, and what is known exactly about it."""

from generative.datasets.arrays import digits, from_array, from_hdf5, save
from generative.datasets.dataset import Dataset
from generative.datasets.ising import IsingTarget, NotThermalisedWarning, ising

__all__ = ["Dataset", "IsingTarget", "NotThermalisedWarning", "digits", "from_array", "from_hdf5", "ising", "save"]
