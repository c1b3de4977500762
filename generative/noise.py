"""Random numbers for samples: row i has a stream of its own, the same in every batch and on every device.

    number k of row i = mix(start_i + (k + 1) g),    start_i = mix(mix(seed) + (i + 1) g),    g = 2^64 / golden ratio

with the mixing function of SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014, doi 10.1145/2660193.2660195, fig. 16
with the constants of variant 13). Integers are exact everywhere; normal numbers agree to rounding.
"""

import math

import torch

MASK = 2**64 - 1
GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mix(word: int) -> int:
    """The mixing function, from 64 bits to 64 bits, one to one."""
    word = ((word ^ (word >> 30)) * FIRST) & MASK
    word = ((word ^ (word >> 27)) * SECOND) & MASK
    return word ^ (word >> 31)


def hashed(*words: int) -> int:
    """A seed of 63 bits made of several numbers, such as (seed, step)."""
    state = 0
    for word in words:
        state = mix((state + (int(word) & MASK) + GOLDEN) & MASK)
    return state >> 1


def generator(*words: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator seeded by several numbers; the one generator of torch that everybody shares is left alone."""
    return torch.Generator(device).manual_seed(hashed(*words))


class Noise:
    """The streams of rows ``first`` .. ``first + n - 1`` of ``seed``; every call continues them.

    device, dtype : of what is returned
    """

    def __init__(
        self,
        seed: int,
        n: int,
        first: int = 0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if seed < 0 or n < 1 or first < 0:
            raise ValueError(f"expected seed >= 0, n >= 1 and first >= 0, got {seed}, {n} and {first}")
        self.n, self.device, self.dtype = n, device, dtype
        rows = torch.arange(first + 1, first + n + 1, device=device)
        self._starts = _mix(_signed(hashed(seed)) + rows * _signed(GOLDEN))
        self._drawn = 0

    def words(self, count: int) -> torch.Tensor:
        """64 random bits, shape (n, count), as signed integers."""
        indices = torch.arange(self._drawn + 1, self._drawn + count + 1, device=self.device)
        self._drawn += count
        return _mix(self._starts[:, None] + indices * _signed(GOLDEN))

    def uniform(self, *shape: int) -> torch.Tensor:
        """Numbers in [0, 1), shape (n, *shape): multiples of 2^-24, or of 2^-53 for float64."""
        bits = 53 if self.dtype == torch.float64 else 24
        words = _shifted(self.words(math.prod(shape)), 64 - bits)
        return (words.to(self.dtype) * 2.0**-bits).reshape(self.n, *shape)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers, shape (n, *shape), sqrt(-2 ln u) cos(2 pi v) from the two halves of a word."""
        words = self.words(math.prod(shape))
        u = (_shifted(words, 32).to(self.dtype) + 0.5) * 2.0**-32
        v = (words & (2**32 - 1)).to(self.dtype) * 2.0**-32
        return (torch.sqrt(-2 * torch.log(u)) * torch.cos(2 * math.pi * v)).reshape(self.n, *shape)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word


def _shifted(words: torch.Tensor, n: int) -> torch.Tensor:
    """The bits moved right by ``n``, with zeros coming in."""
    return (words >> n) & (2 ** (64 - n) - 1)


def _mix(words: torch.Tensor) -> torch.Tensor:
    """``mix`` of every element."""
    words = (words ^ _shifted(words, 30)) * _signed(FIRST)
    words = (words ^ _shifted(words, 27)) * _signed(SECOND)
    return words ^ _shifted(words, 31)
