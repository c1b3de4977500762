"""One random generator for each chain, so that results do not depend on how chains are shared among threads."""

import numpy as np

from neural.saved import Saved

Seed = int | np.random.SeedSequence


def spawn(seed: Seed, n: int) -> list[np.random.Generator]:
    """``n`` independent generators, the children 0 .. n-1 of ``seed``.

    SFC64 is the fastest of NumPy's generators whose whole state is a few words; it passes PractRand to 2^45 bytes.
    """
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    return [np.random.Generator(np.random.SFC64(child)) for child in sequence.spawn(n)]


def generator_states(generators: list[np.random.Generator]) -> np.ndarray:
    """The states of SFC64 generators as one array of shape (n, 6), type uint64, for a result file."""
    return np.array([_state_words(generator) for generator in generators], dtype=np.uint64).reshape(-1, 6)


def _state_words(generator: np.random.Generator) -> list[int]:
    state = generator.bit_generator.state
    return [*(int(word) for word in state["state"]["state"]), state["has_uint32"], state["uinteger"]]


def restore_generators(saved: Saved, name: str, n: int) -> list[np.random.Generator]:
    """The ``n`` generators whose states were taken by ``generator_states``: they continue with the same numbers.

    Raises ``ValueError`` for states that no generator can have, or that are not all different.
    """
    states = saved.array(name, (n, 6), np.uint64)
    if (states[:, 4] > 1).any() or (states[:, 5] >= 2**32).any():
        saved.refuse("states of SFC64 generators", "words that are out of range", name)
    check_distinct(saved, name, states)
    return [_generator(words) for words in states]


def check_distinct(saved: Saved, name: str, states: np.ndarray) -> None:
    """Refuse states of generators, shape (n, 6), of which two would give the same numbers."""
    if (n := len(np.unique(states[:, :4], axis=0))) != len(states):
        saved.refuse(f"{len(states)} different generators", f"only {n} of them", name)


def _generator(words: np.ndarray) -> np.random.Generator:
    bit_generator = np.random.SFC64(0)
    bit_generator.state = {
        "bit_generator": "SFC64",
        "state": {"state": words[:4].copy()},
        "has_uint32": int(words[4]),
        "uinteger": int(words[5]),
    }
    return np.random.Generator(bit_generator)
