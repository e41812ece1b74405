"""Bridges whose plan is known, and how far another plan is from it: what the studies of transport measure against."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float
from sklearn.datasets import make_swiss_roll

from perturbax import stats, transport


def five_gaussians(key: Any, size: int, epsilon: float) -> transport.Bridge:
    """A bridge with five components: centres `4 N(0, I)`, variances `eps U(0.3, 0.7)`, equal `alpha`."""
    centre_key, spread_key = jax.random.split(key)
    centres = 4.0 * np.asarray(jax.random.normal(centre_key, (5, size)), np.float64)
    spreads = np.asarray(jax.random.uniform(spread_key, (5, size), minval=0.3, maxval=0.7), np.float64)
    return transport.bridge_of_mixture(np.full(5, -np.log(5.0)), centres, spreads, epsilon)


def random_covariances(key: Any, size: int) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, "d d"]]:
    """Two covariances `M M' / d + I / 10` with normal `M`, in float64."""
    shapes = np.asarray(jax.random.normal(key, (2, size, size)), np.float64)
    first, second = (m @ m.T / size + 0.1 * np.eye(size) for m in shapes)
    return first, second


def conditional_error(ours: tuple[Any, Any], truth: tuple[Any, Any]) -> float:
    """`100 E BW2^2` between Gaussians with these conditional means `(n, d)` and covariances `(n, d, d)`."""
    return 100.0 * float(np.mean(stats.frechet_distance_of_moments(*ours, *truth)))


def swiss_roll(count: int, seed: int) -> Float[np.ndarray, "n 2"]:
    """The swiss roll in the plane, as in the papers on bridges."""
    return make_swiss_roll(count, noise=0.8, random_state=seed)[0][:, [0, 2]] / 7.5
