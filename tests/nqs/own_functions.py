"""Functions of a user: potentials and wave functions that are written as one function each."""

import math

import numpy as np
import torch

import nqs
from neural.jit.rules import softplus

OMEGA = 1.3


def distance(x, i, j):
    """A helper of the user, called by compiled functions without a decorator."""
    squared = 0.0
    for d in range(x.shape[1]):
        squared += (x[i, d] - x[j, d]) ** 2
    return np.sqrt(squared)


@nqs.log_psi
def pairs(x, alpha, beta, powers):
    """A Gaussian, and a Jastrow factor of the distances with a cusp; ``powers`` are whole numbers."""
    value = 0.0
    for i in range(len(x)):
        for d in range(x.shape[1]):
            value -= alpha[d] * x[i, d] ** 2
        for j in range(i):
            r = distance(x, i, j)
            for power in powers:
                value += 0.1 * (r / (1.0 + beta * r)) ** power
    return value


@nqs.log_psi
def machine(x, a, b, W):
    """A restricted Boltzmann machine, whose parameters are many enough for a tape."""
    value = 0.0
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            value -= 0.5 * OMEGA * (x[i, d] - a[i, d]) ** 2
    for j in range(b.size):
        theta = b[j]
        for i in range(x.shape[0]):
            row = x[i]
            for d in range(len(row)):
                theta += row[d] * W[i, d, j]
        value += softplus(theta)
    return value


@nqs.log_psi
def ordered(s, field, couplings):
    """A Jastrow factor of spins."""
    value = 0.0
    for i in range(s.size):
        value += field * s[i]
        for j in range(i):
            value += couplings[i, j] * s[i] * s[j]
    return value


@nqs.log_psi
def turning(s, weights, phases):
    """The modulus and the phase of spins, each with parameters of its own and one in common."""
    value, phase, total = 0.0, 0.0, 0.0
    for i in range(s.size):
        total += weights[i] * s[i]
    value = math.log(math.cosh(total))
    for i in range(s.size):
        phase += phases[i] * s[i] * total
    return value, phase


@nqs.potential
def double_well(x, depth, width):
    energy = 0.0
    for i in range(len(x)):
        energy += depth * (x[i, 0] ** 2 - width**2) ** 2
    return energy


def torch_pairs(psi, parameters, x):
    """``pairs`` in torch."""
    total = -(parameters["alpha"] * x**2).sum()
    for i in range(len(x)):
        for j in range(i):
            r = torch.linalg.norm(x[i] - x[j])
            total = total + sum(0.1 * (r / (1 + parameters["beta"][0] * r)) ** int(p) for p in psi.powers)
    return total


def torch_machine(psi, parameters, x):
    """``machine`` in torch."""
    theta = parameters["b"] + torch.einsum("id,idj->j", x, parameters["W"])
    return -0.5 * OMEGA * ((x - parameters["a"]) ** 2).sum() + torch.nn.functional.softplus(theta).sum()


TWINS = {pairs: torch_pairs, machine: torch_machine}
