"""The units of real numbers: networks compute in numbers of mean 0 and deviation 1."""

import torch
from torch import Tensor, nn

NOTHING = 1e-6  # of the largest number of a feature: a smaller deviation is none


class Scale(nn.Module):
    """y = (x - mean) / deviation, feature by feature; the identity before it has seen data."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        for name, value in self.identity(n_features).items():
            self.register_buffer(name, value)

    @staticmethod
    def identity(n_features: int) -> dict[str, Tensor]:
        """Mean 0 and deviation 1."""
        mean = torch.zeros(n_features, dtype=torch.float32)
        return {"mean": mean, "deviation": torch.ones_like(mean)}

    def unwritten(self) -> dict[str, Tensor]:
        """What they were when states did not have them."""
        return self.identity(len(self.mean))

    def learn(self, rows: Tensor) -> None:
        """Take mean and deviation of ``rows``; a feature that does not vary keeps its unit."""
        rows = rows.double()
        deviation, largest = rows.std(dim=0, correction=0), rows.abs().amax(dim=0)
        self.mean.copy_(rows.mean(dim=0))
        self.deviation.copy_(torch.where(deviation > NOTHING * largest, deviation, 1.0))

    def standard(self, x: Tensor) -> Tensor:
        """From the units of the data."""
        return (x - self.mean) / self.deviation

    def natural(self, y: Tensor) -> Tensor:
        """To the units of the data."""
        return y * self.deviation + self.mean

    def log_volume(self) -> Tensor:
        """log p(x) = log p(y) - this."""
        return self.deviation.log().sum()
