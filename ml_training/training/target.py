"""The scale on which regression targets are learnt, so that no library overflows and networks converge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = float(np.finfo(np.float64).max)
PLAIN = (1e-15, 1e15)  # beyond it float32 targets (LightGBM) and sums of squares lose more than they keep


@dataclass(frozen=True, slots=True)
class TargetScale:
    """learnt = (y - shift) / scale; plain (0 and 1) unless values are huge or tiny or the model needs standard ones."""

    shift: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, y: NDArray[np.float64], *, standardise: bool) -> "TargetScale":
        """Mean and standard deviation of `y` where they are needed; safe for the whole float64 range."""
        largest = float(np.abs(y).max())
        if largest == 0 or (not standardise and PLAIN[0] <= largest <= PLAIN[1]):
            return cls()
        unit = 2.0 ** np.floor(np.log2(largest))  # exact to divide by
        shift = float(np.mean(y / unit)) * unit
        spread = float(np.std(y / unit)) * unit
        return cls(shift=shift, scale=spread if spread > 0 else 1.0)

    def learnt(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets in the units of the model."""
        return y if self == TargetScale() else y / self.scale - self.shift / self.scale

    def original(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predictions in the units of the data, at the end of the float64 range at most."""
        if self == TargetScale():
            return values
        with np.errstate(over="ignore"):
            return np.clip(values * self.scale + self.shift, -LARGEST, LARGEST)

    def to_json(self) -> dict[str, float]:
        """As it stands in the artifact."""
        return {"shift": self.shift, "scale": self.scale}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "TargetScale":
        """The reverse of `to_json`."""
        return cls(shift=float(body["shift"]), scale=float(body["scale"]))
