"""Numbers with derivatives as plain Python: the twin of the compiled ones, for runs without the compiler."""

import math
import types
from collections.abc import Callable
from typing import Any, Self

import numpy as np


class PlainNumber:
    """The operators of a number with derivatives, by the five methods of its kind."""

    value: float

    def add(self, other: Self) -> Self: ...
    def multiply(self, other: Self) -> Self: ...
    def scale(self, factor: float) -> Self: ...
    def shift(self, summand: float) -> Self: ...
    def chain(self, f: float, first: float, second: float) -> Self: ...

    def __add__(self, other):
        return self.add(other) if isinstance(other, PlainNumber) else self.shift(other)

    def __mul__(self, other):
        return self.multiply(other) if isinstance(other, PlainNumber) else self.scale(other)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self.scale(-1.0)

    def __pos__(self):
        return self

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * (1.0 / other)

    def __rtruediv__(self, other):
        v = 1.0 / self.value
        return other * self.chain(v, -v * v, 2 * v * v * v)

    def __pow__(self, n):
        if isinstance(n, PlainNumber):
            v = self.value
            return math.e ** (n * self.chain(math.log(v), 1 / v, -1 / v**2))
        v = self.value
        first = n * v ** (n - 1) if n != 0 else 0.0
        return self.chain(v**n, first, n * (n - 1) * v ** (n - 2) if n not in (0, 1) else 0.0)

    def __rpow__(self, base):
        f = base**self.value
        rate = math.log(base)
        return self.chain(f, rate * f, rate * rate * f)

    def __abs__(self):
        return self.chain(abs(self.value), float(np.sign(self.value)), 0.0)

    def __lt__(self, other):
        return self.value < getattr(other, "value", other)

    def __le__(self, other):
        return self.value <= getattr(other, "value", other)

    def __gt__(self, other):
        return self.value > getattr(other, "value", other)

    def __ge__(self, other):
        return self.value >= getattr(other, "value", other)


class PlainJet(PlainNumber):
    """A value with first and second derivatives, arrays with a number for each lane."""

    def __init__(self, value: float, slopes: np.ndarray, curvatures: np.ndarray) -> None:
        self.value, self.slopes, self.curvatures = value, slopes, curvatures

    @classmethod
    def leaf(cls, value: float, place: int, lanes: int) -> Self:
        """The input whose derivative is 1 in the lane ``place``, if there is one."""
        return cls(value, (np.arange(lanes) == place).astype(float), np.zeros(lanes))

    def add(self, other: Self) -> Self:
        curvatures = self.curvatures + other.curvatures
        return type(self)(self.value + other.value, self.slopes + other.slopes, curvatures)

    def multiply(self, other: Self) -> Self:
        slopes = self.value * other.slopes + other.value * self.slopes
        cross = 2 * self.slopes * other.slopes
        curvatures = self.value * other.curvatures + other.value * self.curvatures + cross
        return type(self)(self.value * other.value, slopes, curvatures)

    def scale(self, factor: float) -> Self:
        return type(self)(factor * self.value, factor * self.slopes, factor * self.curvatures)

    def shift(self, summand: float) -> Self:
        return type(self)(self.value + summand, self.slopes, self.curvatures)

    def chain(self, f: float, first: float, second: float) -> Self:
        return type(self)(f, first * self.slopes, first * self.curvatures + second * self.slopes**2)


class PlainRecorded(PlainNumber):
    """A value and the number of its entry on the tape."""

    def __init__(self, value: float, place: int, tape: np.ndarray) -> None:
        self.value, self.place, self.tape = value, place, tape

    def entry(self, value: float, du: float, dv: float = 0.0, j: int = 0) -> Self:
        """The next entry of the tape: value(u, v), u being this number and v the entry j."""
        n = int(self.tape[0, 0])
        self.tape[0, 0] += 1
        if n < self.tape[0, 1]:
            self.tape[n] = *np.array([du, dv]).view(np.int64), self.place, j
        return type(self)(value, n, self.tape)

    def add(self, other: Self) -> Self:
        return self.entry(self.value + other.value, 1.0, 1.0, other.place)

    def multiply(self, other: Self) -> Self:
        return self.entry(self.value * other.value, other.value, self.value, other.place)

    def scale(self, factor: float) -> Self:
        return self.entry(factor * self.value, factor)

    def shift(self, summand: float) -> Self:
        return type(self)(self.value + summand, self.place, self.tape)

    def chain(self, f: float, first: float, second: float) -> Self:
        return self.entry(f, first)


class PlainInputs:
    """An array whose elements are numbers with derivatives; ``leaf(value, k)`` makes the one with the flat number k."""

    def __init__(self, array: np.ndarray, leaf: Callable[[float, int], PlainNumber], first: int = 0) -> None:
        self.array, self.leaf, self.first = array, leaf, first
        self.shape, self.size = array.shape, array.size

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        index = index if isinstance(index, tuple) else (index,)
        found = self.array[index]
        numbers = np.arange(self.size).reshape(self.shape)[index]
        if np.ndim(found):
            return PlainInputs(found, self.leaf, self.first + int(numbers.flat[0]))
        return self.leaf(float(found), self.first + int(numbers))


class _Module:
    """A module whose functions accept numbers with derivatives where there is a rule for them."""

    def __init__(self, module: types.ModuleType, replaced: dict[Any, Any]) -> None:
        self._module, self._replaced = module, replaced

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return self._replaced.get(found, found) if callable(found) else found


def lifted(function: Any, replaced: dict[Any, Any]) -> Any:
    """The function as it would be with other functions in place of the keys of ``replaced``, in its callees, too."""
    if not isinstance(function, types.FunctionType):
        return function
    names = {}
    copy = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    replaced = {**replaced, function: copy}
    names.update(function.__globals__)
    for name in set(function.__code__.co_names) & set(names):
        found = names[name]
        if isinstance(found, types.ModuleType):
            names[name] = _Module(found, replaced)
        elif callable(found):
            names[name] = replaced[found] if found in replaced else lifted(found, replaced)
    return copy
