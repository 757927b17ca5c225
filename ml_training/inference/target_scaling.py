"""Scales regression targets, so that no library overflows and networks converge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = float(np.finfo(np.float64).max)
UNSCALED_RANGE = (1e-15, 1e15)  # outside it float32 targets (LightGBM) and sums of squares lose too many digits

MOST_TO_SPREAD = 2.0**17  # of the 24 bits of a float32, 7 are left for what distinguishes the targets


@dataclass(frozen=True, slots=True)
class TargetScale:
    """The model learns (y - shift) / scale.

    shift is 0 and scale is 1 unless values are huge or tiny, lie far from 0 and close together, or the model needs
    standard units.
    """

    shift: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, y: NDArray[np.float64], *, standardise: bool) -> "TargetScale":
        """Mean and standard deviation of `y` where they are needed; safe for the whole float64 range."""
        largest = float(np.abs(y).max())
        if largest == 0:
            return cls()
        unit = 2.0 ** np.floor(np.log2(largest))  # exact to divide by
        shift = float(np.mean(y / unit)) * unit
        spread = float(np.std(y / unit)) * unit
        if not standardise and UNSCALED_RANGE[0] <= largest <= UNSCALED_RANGE[1]:
            return cls(shift=shift) if 0 < MOST_TO_SPREAD * spread < largest else cls()
        return cls(shift=shift, scale=spread if spread > 0 else 1.0)

    def to_model_units(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale targets of the data for the model."""
        return y if self == TargetScale() else y / self.scale - self.shift / self.scale

    def to_data_units(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale predictions of the model back to the data; values beyond the float64 range become its ends."""
        if self == TargetScale():
            return values
        with np.errstate(over="ignore"):
            return np.clip(values * self.scale + self.shift, -LARGEST, LARGEST)

    def to_json(self) -> dict[str, float]:
        """The scale as it is stored in the artifact."""
        return {"shift": self.shift, "scale": self.scale}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "TargetScale":
        """The reverse of `to_json`."""
        return cls(shift=float(body["shift"]), scale=float(body["scale"]))
