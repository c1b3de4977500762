"""Data to learn from, and what is known exactly about it."""

from generative.datasets.arrays import digits, from_array
from generative.datasets.dataset import Dataset
from generative.datasets.files import from_hdf5, save
from generative.datasets.ising import IsingTarget, NotThermalisedWarning, ising
from generative.datasets.pendulum import PendulumFrames, pendulum_frames
from generative.datasets.two_dimensions import RingTarget, gaussian_ring, moons

__all__ = [
    "Dataset",
    "IsingTarget",
    "NotThermalisedWarning",
    "PendulumFrames",
    "RingTarget",
    "digits",
    "from_array",
    "from_hdf5",
    "gaussian_ring",
    "ising",
    "moons",
    "pendulum_frames",
    "save",
]
