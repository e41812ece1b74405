"""The world of the studies of inverse problems: priors on digits, operators at their size, the dot test.

The priors are the mixture of ten Gaussians fitted on 1500 real 8 x 8 digits, whose denoiser and whose posteriors are
exact, and the denoiser trained on 4,000 MNIST digits.
"""

from functools import cache
from typing import Any

import numpy as np

SIDE, TRAINED = 8, 1500


@cache
def mixture_prior() -> tuple[Any, Any]:
    """The mixture, and the sampling problem with its exact denoiser on pictures."""
    from perturbax import diffusion
    from perturbax.data import digits
    from perturbax.stats import GaussianMixture

    data = digits()
    mixture = GaussianMixture.fit_classes(data.flat[:TRAINED], data.labels[:TRAINED], shrinkage=0.1)
    process = diffusion.VPLinear()

    def denoise(x: Any, t: Any) -> Any:
        flat = mixture.denoise(x.reshape(x.shape[0], -1), process.alpha(t), process.sigma(t))
        return flat.reshape(x.shape)

    return mixture, diffusion.Sampling(denoise, process, shape=(SIDE, SIDE), prediction=diffusion.Data())


@cache
def trained_prior() -> Any:
    """The denoiser trained on 4,000 MNIST digits, on pictures."""
    from perturbax import data, diffusion

    denoiser = data.mnist_denoiser()

    def denoise(x: Any, sigma: Any) -> Any:
        return denoiser(x.reshape(x.shape[0], -1), sigma).reshape(x.shape)

    return diffusion.Sampling(denoise, diffusion.EDM(), shape=(28, 28), prediction=diffusion.Data())


def held_out(name: str, seed: int, count: int) -> np.ndarray:
    """Digits that the prior was not fitted on; other ones for every seed."""
    from perturbax.data import digits, reference_split

    if name.startswith("MNIST"):
        rest = reference_split("mnist")[1].flat.reshape(-1, 28, 28)
        first = (seed * count) % (len(rest) - count + 1)
        return rest[first : first + count].astype(np.float32)
    first = TRAINED + (seed * count) % 256
    return digits().flat[first : first + count].reshape(-1, SIDE, SIDE).astype(np.float32)


def operator_of(name: str, key: Any) -> Any:
    import jax
    import jax.numpy as jnp

    from perturbax import systems

    if name == "MNIST MRI":
        return systems.MRI(systems.column_mask(key, (28, 28), acceleration=4), systems.coil_maps(4, (28, 28)))
    if name == "MRI":
        mask = systems.column_mask(key, (SIDE, SIDE), acceleration=SIDE / 3, centre=0.1)
        return systems.MRI(mask, systems.coil_maps(4, (SIDE, SIDE)))
    if name.endswith("CT"):
        size, views = (28, 10) if name == "MNIST CT" else (SIDE, 3)
        angles = np.pi * (np.arange(views) + float(jax.random.uniform(key))) / views
        plain = systems.ParallelBeamCT(size, angles, scale=1.0)
        matrix = jax.vmap(plain)(jnp.eye(size**2).reshape(-1, size, size)).reshape(size**2, -1)
        return systems.ParallelBeamCT(size, angles, scale=float(np.linalg.norm(np.asarray(matrix), 2)))
    kept = np.zeros(SIDE**2, bool)
    kept[np.asarray(jax.random.permutation(key, SIDE**2))[:20]] = True
    return systems.Inpainting(kept.reshape(SIDE, SIDE))


def dot_error(operator: Any, random: np.random.Generator) -> float:
    """`|<A x, y> - <x, A* y>|` over `|A x| |y|`."""
    import jax.numpy as jnp

    def draw(like: Any) -> Any:
        parts = random.normal(size=(2, *like.shape))
        is_complex = jnp.issubdtype(like.dtype, jnp.complexfloating)
        return jnp.asarray(parts[0] + 1j * parts[1] if is_complex else parts[0], like.dtype)

    x, y = draw(operator), draw(operator.measured)
    image = operator(x)
    difference = complex(jnp.vdot(image, y)) - complex(jnp.vdot(x, operator.adjoint(y)))
    # The adjoint on real images is that of the real inner product.
    if not jnp.iscomplexobj(x):
        difference = difference.real
    return float(abs(difference) / (jnp.linalg.norm(image.ravel()) * jnp.linalg.norm(y.ravel())))
