"""Monte Carlo of the Ising model, compiled: single-spin heat bath for 64 chains at once, and Swendsen-Wang clusters.

Heat bath. Bit c of the word ``spins[i]`` is spin i of chain c (1 up, 0 down). With u of z neighbours up, the spin
becomes up with probability P = 1 / (1 + e^(-2 K (2u - z))). All 64 chains decide together, each with random bits of its
own: the binary digits of a uniform number are drawn from the first one on, and compared with those of P, until they
differ; the number is below P where it has the smaller digit. After n digits a fraction 2^-n of the chains is undecided,
so that about 8 random words serve 64 spins. P is represented by its first 53 digits.

Clusters. A bond between spins that its coupling favours is kept with probability 1 - e^(-2 |K|), and every
cluster of kept bonds turns with probability 1/2.

Sources: multi-spin coding: M. Creutz, L. Jacobs, C. Rebbi, Phys. Rev. Lett. 42, 1390 (1979); clusters: R. H. Swendsen
and J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987); generator: xoshiro256++, D. Blackman and S. Vigna, ACM Trans. Math.
Softw. 47, 36 (2021). Its additions overflow as they should; under plain Python NumPy has to be told so
(``np.errstate``).
"""

import numpy as np

from neural.jit import kernel

Array = np.ndarray

DIGITS = 53
N_CHAINS = 64  # of one word
ALL, NONE, ONE = np.uint64(2**64 - 1), np.uint64(0), np.uint64(1)
S11, S17, S19, S23, S41, S45, S63 = (np.uint64(shift) for shift in (11, 17, 19, 23, 41, 45, 63))
TO_UNIT = 2.0**-53


@kernel
def next_word(state):
    """The next 64 random bits of xoshiro256++, and its next state, a tuple of four words."""
    a, b, c, d = state
    total = a + d
    word = ((total << S23) | (total >> S41)) + a
    shifted = b << S17
    c, d = c ^ a, d ^ b
    b, a = b ^ c, a ^ d
    return word, (a, b, c ^ shifted, (d << S45) | (d >> S19))


@kernel
def load(states: Array, unit: int):
    """The generator of a unit of work, in registers."""
    return states[unit, 0], states[unit, 1], states[unit, 2], states[unit, 3]


@kernel
def store(states: Array, unit: int, state) -> None:
    """Put the generator of a unit of work back."""
    states[unit, 0], states[unit, 1], states[unit, 2], states[unit, 3] = state


def digit_table(K: float, largest_degree: int) -> Array:
    """Digit d of P for u of z neighbours up, as a word of ones or zeros, in ``table[z, d, u]``."""
    z, u = np.arange(largest_degree + 1)[:, None], np.arange(largest_degree + 1)[None, :]
    probability = 0.5 * (1 + np.tanh(K * (2 * u - z)))
    numerator = np.minimum(probability * 2.0**DIGITS, 2.0**DIGITS - 1).astype(np.uint64)
    digits = (numerator[:, None, :] >> np.arange(DIGITS - 1, -1, -1, dtype=np.uint64)[:, None]) & ONE
    return np.where(digits == ONE, ALL, NONE)


@kernel
def _count_up(spins: Array, neighbours: Array, degree: int, masks: Array) -> None:
    """masks[u]: the chains in which exactly u of the neighbours are up."""
    masks[0] = ALL
    for k in range(degree):
        word = spins[neighbours[k]]
        masks[k + 1] = masks[k] & word
        for u in range(k, 0, -1):
            masks[u] = (masks[u] & ~word) | (masks[u - 1] & word)
        masks[0] &= ~word


@kernel
def _below(masks: Array, digits: Array, degree: int, state):
    """One bit for each chain, 1 with the probability whose digits belong to the chain's number of neighbours up."""
    result, undecided = NONE, ALL
    for d in range(DIGITS):
        word, state = next_word(state)
        threshold = NONE
        for u in range(degree + 1):
            threshold |= masks[u] & digits[d, u]
        result |= undecided & threshold & ~word
        undecided &= ~(threshold ^ word)
        if undecided == NONE:
            break
    return result, state


@kernel
def heat_bath(spins, states, neighbours, degrees, table, masks, n_sweeps):
    """``n_sweeps`` sweeps over all sites, then every chain turns as a whole with probability 1/2, a symmetry of E.

    ``spins`` (n_words, n_sites) and ``states`` (n_words, 4) change in place; ``neighbours`` (n_sites, largest degree)
    and ``degrees`` (n_sites,) are the lattice, ``table`` that of ``digit_table``; ``masks`` (largest degree + 1,) is
    scratch.
    """
    for word in range(spins.shape[0]):
        s, state = spins[word], load(states, word)
        for _ in range(n_sweeps):
            for i in range(s.size):
                _count_up(s, neighbours[i], degrees[i], masks)
                s[i], state = _below(masks, table[degrees[i]], degrees[i], state)
        turn, state = next_word(state)
        for i in range(s.size):
            s[i] ^= turn
        store(states, word, state)


@kernel
def _root(parents: Array, i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@kernel
def swendsen_wang(spins, states, edges, K, parents, turns, n_sweeps):
    """``n_sweeps`` cluster updates of ``spins`` (n_chains, n_sites), values -1 and 1, in place.

    ``states`` (n_chains, 4); ``edges`` (n_bonds, 2); scratch: ``parents`` (n_sites,), the trees of joined sites, whose
    roots come first, and ``turns`` (n_sites,), -1 for roots of clusters that turn.
    """
    keep = 1.0 - np.exp(-2.0 * abs(K))
    favoured = 1 if K > 0 else -1
    for chain in range(spins.shape[0]):
        s, state = spins[chain], load(states, chain)
        for _ in range(n_sweeps):
            for i in range(s.size):
                parents[i] = i
            for bond in range(edges.shape[0]):
                i, j = edges[bond, 0], edges[bond, 1]
                if s[i] * s[j] == favoured:
                    word, state = next_word(state)
                    if (word >> S11) * TO_UNIT < keep:
                        i, j = _root(parents, i), _root(parents, j)
                        parents[max(i, j)] = min(i, j)
            for i in range(s.size):
                root = _root(parents, i)
                if root == i:
                    word, state = next_word(state)
                    turns[i] = 1 - 2 * np.int64(word >> S63)
                s[i] *= turns[root]
        store(states, chain, state)
