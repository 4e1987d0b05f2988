r"""How throughput grows with replicas: a two-parameter law fitted to a few measurements.

Replicas of an engine work independently until they wait for something shared (cores, memory bandwidth, the
driver that hands out requests) or for each other. The universal scalability law (Gunther 1993) says, for
n replicas and the rate r of one,

    rate(n) = r n / (1 + σ (n − 1) + κ n (n − 1)),

σ ≥ 0 the share that cannot be done in parallel (Amdahl's law when κ = 0), κ ≥ 0 the cost of coordination, by
which more replicas in the end make it slower. A run of N samples then takes start + N / rate(n) seconds.

The law knows nothing of where replicas run: sizes that all fit their own cores or GPUs cannot tell of the wall
behind the last one. Where the number of such places is known it is given as ``slots``; replicas beyond it take
turns on the places that are there, and n is then at most that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

from .errors import BadInput


@dataclass(frozen=True)
class Capacity:
    """Throughput of a cluster as a function of its replicas."""

    rate: float
    """Samples a second of one replica."""
    contention: float
    """σ: 0 when replicas share nothing, 1 when they take turns."""
    coordination: float
    """κ: cost of every pair of replicas."""
    start_s: float = 0.0
    """Seconds from the call to the first sample: the replicas start together."""
    slots: int | None = None
    """Replicas that can run at once, each on cores or a GPU of its own; None for no such limit."""

    def throughput(self, replicas: Float[np.ndarray, " size"] | Sequence[int] | int) -> Float[np.ndarray, " size"]:
        """Samples a second with these numbers of replicas."""
        n = np.minimum(np.asarray(replicas, float), self.slots or np.inf)
        return self.rate * n / (1 + self.contention * (n - 1) + self.coordination * n * (n - 1))

    def seconds(self, samples: int, replicas: int) -> float:
        """Wall time of a run, its start included."""
        return float(self.start_s + samples / self.throughput(replicas))

    @property
    def most_useful(self) -> int | None:
        """Replicas beyond which throughput does not grow; None when it always does."""
        if self.coordination <= 0:
            return self.slots
        peak = sqrt(max(1 - self.contention, 0) / self.coordination)
        low = max(int(peak), 1)
        best = low if self.throughput(low) >= self.throughput(low + 1) else low + 1
        return min(best, self.slots or best)

    def replicas_for(self, samples: int, seconds: float, most: int = 1024) -> int:
        """Fewest replicas that draw ``samples`` within ``seconds``.

        Raises:
            BadInput: no number up to ``most`` is enough.
        """
        if self.most_useful is not None:
            most = min(most, self.most_useful)
        sizes = np.arange(1, most + 1)
        enough = self.start_s + samples / self.throughput(sizes) <= seconds
        if not enough.any():
            best = self.seconds(samples, most)
            raise BadInput(
                f"{samples:,} samples in {seconds:.0f} s: no cluster of up to {most} replicas does it; "
                f"{most} take {ceil(best):,} s, so allow more time or draw fewer samples"
            )
        return int(sizes[enough.argmax()])

    def to_json(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        return {
            "samples_per_s_of_one": self.rate,
            "contention": self.contention,
            "coordination": self.coordination,
            "start_s": self.start_s,
            "slots": self.slots,
            "most_useful_replicas": self.most_useful,
        }


def fit_capacity(
    replicas: Sequence[int],
    throughput: Sequence[float],
    start_s: float = 0.0,
    *,
    coordination: bool = True,
    slots: int | None = None,
) -> Capacity:
    """Fit the law to measured rates by least squares on n / rate, in which it is linear.

    Args:
        replicas: numbers of replicas, at least two different ones; 3 to tell coordination from contention.
        throughput: samples a second measured with each.
        start_s: seconds a cluster needs before its first sample.
        coordination: fit κ too; without it, and whenever there are only two sizes, κ = 0.
        slots: replicas that can run at once (a machine's cores over the threads of one, or the GPUs).
    Raises:
        BadInput: too few measurements, or rates that are not positive.
    """
    if slots is not None and slots < 1:
        raise BadInput(f"capacity: slots = {slots}; at least one replica must have a place to run")
    n, x = np.minimum(np.asarray(replicas, float), slots or np.inf), np.asarray(throughput, float)
    if len(n) != len(x) or len(np.unique(n)) < 2 or (n < 1).any() or not (x > 0).all():
        raise BadInput("capacity: needs positive rates at two or more different numbers of replicas")
    # n / rate = a + b (n - 1) + c n (n - 1), weighted so that relative errors of rates count alike
    columns = [np.ones_like(n), n - 1]
    if coordination and len(np.unique(n)) > 2:
        columns.append(n * (n - 1))
    weight = x / n
    found, _ = nnls(np.stack(columns, 1) * weight[:, None], n / x * weight)
    a, b, c = (*found, 0.0)[:3]
    return Capacity(float(1 / a), float(b / a), float(c / a), float(start_s), slots)
