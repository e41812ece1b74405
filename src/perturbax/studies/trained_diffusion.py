"""The network trained on MNIST, as the studies of samplers use it in their preset `full`.

There is no exact answer here: samples are compared with the part of the data that was kept from the network, in the
features of a classifier (Frechet distance) and in pixels (sliced Wasserstein distance), beside the same distances
between that part and equally many pictures of the training part, the floor.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import core, data, diffusion, stats

from .exact_diffusion import SOLVERS

_GRIDS: dict[str, diffusion.AbstractGrid] = {"logSNR": diffusion.LogSNR(), "Karras": diffusion.Karras()}


def mnist_record(
    method: str,
    steps: int,
    samples: int,
    key: Any,
    *,
    grid: str = "logSNR",
    scale: float = 1.0,
    threshold: bool = False,
) -> dict[str, Any]:
    """Sample digits of all classes down to `sigma = 0` in float32, and measure them.

    **Arguments:** `method`: a name in `SOLVERS`; `steps`: evaluations; `samples`: pictures, at most as many as the kept
    part has; `key`; `grid`: `"logSNR"` or `"Karras"`; `scale`: guidance scale; `threshold`: dynamic thresholding.

    **Returns:** a record with `evaluations`, `frechet`, `sliced`, their floors, `outside` and `images`.
    """
    with core.precision("float32"):
        (pixels, labels), floors = _kept(samples), _floors(samples)
        problem = diffusion.Sampling(
            data.mnist_denoiser(),
            diffusion.EDM(),
            shape=pixels.shape[1:],
            prediction=diffusion.Data(),
            condition=jnp.asarray(labels),
            guidance=diffusion.ClassifierFree(scale, unconditional=-1),
            corrector=diffusion.DynamicThreshold() if threshold else None,
        )
        sampler = SOLVERS[method](steps=steps, grid=_GRIDS[grid])
        solution = diffusion.sample(problem, sampler, key=key, num_samples=samples)
        drawn = np.asarray(solution.x)
        frechet, sliced = _distances(drawn, pixels)
        return {
            "evaluations": int(solution.stats["evaluations"]),
            "frechet": frechet,
            "sliced": sliced,
            "outside": float(np.mean(np.abs(drawn) > 1.0)),
            **floors,
            "images": drawn[:4],
        }


def _kept(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels that the network never saw, in an order that mixes the classes."""
    _, kept = data.reference_split("mnist")
    if samples > len(kept):
        raise ValueError(f"samples must be at most {len(kept)}, the part kept from the network, got {samples}")
    chosen = np.random.default_rng(0).permutation(len(kept))[:samples]
    return kept.flat[chosen], kept.labels[chosen]


@functools.cache
def _floors(samples: int) -> dict[str, float]:
    train, _ = data.reference_split("mnist")
    pixels, labels = _kept(samples)
    # The samples are drawn for the labels of the kept pictures, so the training pictures are chosen for them too.
    order = np.random.default_rng(1).permutation(len(train))
    order = order[np.argsort(train.labels[order], kind="stable")]
    first = np.searchsorted(train.labels[order], labels)
    rank = np.array([np.count_nonzero(labels[:i] == label) for i, label in enumerate(labels)])
    frechet, sliced = _distances(train.flat[order[first + rank]], pixels)
    return {"frechet_floor": frechet, "sliced_floor": sliced}


def _distances(pixels: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    classifier = data.digit_classifier("mnist")
    features = [np.asarray(classifier.features(jnp.asarray(x, jnp.float32))) for x in (pixels, others)]
    return stats.frechet_distance(*features), stats.sliced_wasserstein(pixels, others, jax.random.key(0))
