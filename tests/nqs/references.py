"""log psi of every factor written once more, in torch and without any cleverness: the oracle of the contract tests."""

import functools
import itertools
import math

import numpy as np
import torch

import nqs
from neural.activations import NAMES
from nqs.wavefunctions.own_particles import OwnState
from tests.nqs.own_functions import TWINS

Parameters = dict[str, torch.Tensor]
ACTIVATIONS = {"tanh": torch.tanh, "softplus": torch.nn.functional.softplus, "identity": lambda z: z}


@functools.singledispatch
def log_psi(psi, parameters: Parameters, x: torch.Tensor) -> torch.Tensor:
    """log psi of one configuration x, for parameters of the names and shapes of ``psi.named_parameters()``."""
    raise NotImplementedError(type(psi))


@log_psi.register(nqs.Gaussian)
def _(psi, parameters, x):
    return -(parameters["alpha"] * x**2).sum()


@log_psi.register(nqs.GaussianRBM)
def _(psi, parameters, x):
    variance = torch.exp(2 * parameters["log_sigma"])
    theta = parameters["hidden_bias"] + torch.einsum("id,idj->j", x / variance, parameters["weights"])
    free_energy = ((x - parameters["visible_bias"]) ** 2 / (2 * variance)).sum() - torch.log(1 + torch.exp(theta)).sum()
    return -free_energy * psi.power


@log_psi.register(nqs.PadeJastrow)
def _(psi, parameters, x):
    beta, n_dims = torch.exp(parameters["log_beta"]), x.shape[1]
    total = torch.zeros(())
    for i, j in itertools.combinations(range(len(x)), 2):
        equal = psi.n_up >= 0 and (i < psi.n_up) == (j < psi.n_up)
        cusp, b = (1 / (n_dims + 1), beta[1]) if equal else (1 / (n_dims - 1), beta[0])
        r = torch.linalg.norm(x[i] - x[j])
        total = total + cusp * r / (1 + b * r)
    return total


def hermite(n: int, u: torch.Tensor) -> torch.Tensor:
    """The physicists' Hermite polynomial over sqrt(2^n n!), from its explicit sum."""
    terms = [
        (-1) ** m * (2 * u) ** (n - 2 * m) / math.factorial(m) / math.factorial(n - 2 * m) for m in range(n // 2 + 1)
    ]
    return torch.stack(terms).sum(dim=0) * math.sqrt(math.factorial(n) / 2**n)


@log_psi.register(nqs.Slater)
def _(psi, parameters, x):
    total = torch.zeros(())
    omega = torch.exp(parameters["log_omega"]).expand(x.shape[1])
    u = torch.sqrt(omega) * x
    for spin in filter(len, (u[: psi.n_up], u[psi.n_up :])):
        rows = [torch.stack([hermite(n, spin[:, d]) for d, n in enumerate(k)]).prod(dim=0) for k in psi.states.tolist()]
        matrix = torch.stack(rows[: len(spin)], dim=1) * torch.exp(-(spin**2).sum(dim=1) / 2)[:, None]
        total = total + torch.linalg.slogdet(matrix).logabsdet
    return total


@log_psi.register(nqs.Backflow)
def _(psi, parameters, x):
    up = torch.arange(len(x)) < psi.slater.n_up
    difference = x[:, None] - x[None]
    kind = (up[:, None] == up[None]).long() if len(psi.log_length) > 1 else torch.zeros(len(x), len(x)).long()
    t = 1 / (1 + (difference**2).sum(dim=2) / torch.exp(2 * parameters["log_length"])[kind])
    powers = torch.stack([t ** (k + 1) for k in range(psi.coefficients.shape[1])], dim=2)
    eta = (parameters["coefficients"][kind] * powers).sum(dim=2)
    slater = {"log_omega": parameters["slater.log_omega"]}
    return log_psi(psi.slater, slater, x + (eta[:, :, None] * difference).sum(dim=1))


@log_psi.register(nqs.PairNetwork)
def _(psi, parameters, x):
    weights, output, total = parameters["weights"], parameters["output"], torch.zeros(())
    for i, j in itertools.combinations(range(len(x)), 2):
        kind = int(psi.n_up >= 0 and (i < psi.n_up) == (j < psi.n_up))
        u, first, second = (torch.sqrt(1 + (y**2).sum() / psi.length**2) for y in (x[i] - x[j], x[i], x[j]))
        inputs = torch.stack([u, first + second, (first - second) ** 2, torch.ones(())])
        total = total + output[kind] @ torch.tanh(inputs @ weights[kind])
    return total


@log_psi.register(nqs.PowerJastrow)
def _(psi, parameters, x):
    pairs = itertools.combinations(x[:, 0], 2)
    return psi.power * sum((torch.log(torch.abs(a - b)) for a, b in pairs), torch.zeros(()))


@log_psi.register(nqs.HardSphereJastrow)
def _(psi, parameters, x):
    pairs = itertools.combinations(x, 2)
    return sum((torch.log(1 - psi.diameter / torch.linalg.norm(a - b)) for a, b in pairs), torch.zeros(()))


@log_psi.register(nqs.Jastrow)
def _(psi, parameters, x):
    total, n_dims = torch.zeros(()), x.shape[1]
    for i, j in itertools.combinations(range(len(x)), 2):
        equal = int(psi.n_up >= 0 and (i < psi.n_up) == (j < psi.n_up))
        r = torch.linalg.norm(x[i] - x[j])
        u = r / (1 + r / psi.length)
        total = total + u / (n_dims + (1 if equal else -1))
        for k, coefficient in enumerate(parameters["coefficients"][equal]):
            total = total + coefficient * u ** (k + 2)
    return total


@log_psi.register(nqs.Neural)
def _(psi, parameters, x):
    if len(psi.exponents):
        inputs = torch.stack([(x ** torch.tensor(k)).prod(dim=1).mean() for k in psi.exponents])
    else:
        inputs = torch.sort(x[:, 0]).values if psi.is_sorted else x.flatten()
    theta, start = parameters["net.theta"], 0
    for n_in, n_out, code in zip(psi.net.sizes[:-1], psi.net.sizes[1:], psi.net.codes, strict=True):
        middle, stop = start + n_in * n_out, start + (n_in + 1) * n_out
        z = theta[start:middle].reshape(n_out, n_in) @ inputs + theta[middle:stop]
        inputs, start = ACTIVATIONS[NAMES[code]](z), stop
    return inputs[0] - (parameters["alpha"] * x**2).sum()


@log_psi.register(nqs.Product)
def _(psi, parameters, x):
    def part(side: str) -> Parameters:
        return {n.removeprefix(f"{side}."): p for n, p in parameters.items() if n.startswith(f"{side}.")}

    return log_psi(psi.left, part("left"), x) + log_psi(psi.right, part("right"), x)


@log_psi.register(OwnState)
def _(psi, parameters, x):
    return TWINS[psi.own_function](psi, parameters, x)


def derivatives(psi, x: np.ndarray) -> tuple[float, np.ndarray, float, np.ndarray]:
    """log psi, its gradient, its Laplacian and its log-derivatives at one configuration x."""
    parameters = {name: torch.tensor(array, requires_grad=True) for name, array in psi.named_parameters().items()}
    position = torch.tensor(x, requires_grad=True)
    value = log_psi(psi, parameters, position)
    (gradient,) = torch.autograd.grad(value, position, retain_graph=True)
    hessian = torch.autograd.functional.hessian(
        lambda flat: log_psi(psi, parameters, flat.reshape(x.shape)), position.detach().flatten()
    )
    slopes = torch.autograd.grad(value, list(parameters.values()))
    return (
        value.item(),
        gradient.numpy(),
        torch.trace(torch.as_tensor(hessian)).item(),
        torch.cat([slope.flatten() for slope in slopes]).numpy(),
    )
