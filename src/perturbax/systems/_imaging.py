"""Linear operators of imaging, `y = A x + n`: what an instrument measures of an image.

An operator is called on one image; its adjoint is derived from it by transposition, never written by hand, so that
`<A x, y> = <x, A* y>` holds to rounding. Images may be real while measurements are complex: then `A* y` is the real
part, which is the adjoint with respect to the real inner product.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from ..core import check_array, check_instance, check_integer


class AbstractImaging(eqx.Module):
    """A linear function of one image of shape `shape` and dtype `dtype`."""

    shape: eqx.AbstractVar[tuple[int, ...]]

    @property
    def dtype(self) -> Any:
        """Of the image."""
        return jnp.float32

    @abc.abstractmethod
    def __call__(self, x: Array) -> Array:
        """What is measured of the image `x`."""

    def adjoint(self, y: Array) -> Array:
        """`A* y`, an image."""
        image = jax.ShapeDtypeStruct(self.shape, self.dtype)
        (back,) = jax.linear_transpose(self, image)(jnp.conj(jnp.asarray(y)))
        return jnp.conj(back)

    def normal(self, x: Array) -> Array:
        """`A* A x`."""
        return self.adjoint(self(x))

    @property
    def measured(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype of a measurement."""
        return jax.eval_shape(self, jax.ShapeDtypeStruct(self.shape, self.dtype))


class Inpainting(AbstractImaging):
    """The pixels where a mask is true, the others being 0.

    **Arguments:** `mask`: booleans of the shape of the image.

    **Raises:** `TypeError`, `ValueError` when it is something else, or nowhere true.

    >>> Inpainting(jnp.array([True, False]))(jnp.array([3.0, 4.0])).tolist()
    [3.0, 0.0]
    """

    mask: Bool[Array, "..."]

    def __init__(self, mask: Any):
        self.mask = settle_mask("mask", mask)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.mask.shape

    def __call__(self, x: Array) -> Array:
        return jnp.where(self.mask, x, 0.0)


class Blur(AbstractImaging):
    """Circular convolution of an image with a kernel.

    **Arguments:** `kernel`: shape of at most the image's, its middle entry being the centre; `shape`: of the image.

    **Raises:** `ValueError` when the kernel is larger than the image or not finite.

    >>> Blur(jnp.ones((1, 3)) / 3, shape=(4, 4))(jnp.eye(4)).sum().round(4).tolist()
    4.0
    """

    spectrum: Any
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, kernel: Any, shape: tuple[int, ...]):
        kernel = np.asarray(check_array("kernel", kernel), np.float32)
        self.shape = settle_image_shape(shape)
        if kernel.ndim != len(self.shape) or any(k > n for k, n in zip(kernel.shape, self.shape, strict=False)):
            raise ValueError(f"kernel must have {len(self.shape)} axes and fit into {self.shape}, got {kernel.shape}")
        padded = np.zeros(self.shape, np.float32)
        padded[tuple(slice(size) for size in kernel.shape)] = kernel
        rolled = np.roll(padded, [-(size // 2) for size in kernel.shape], range(kernel.ndim))
        self.spectrum = jnp.fft.fftn(jnp.asarray(rolled))

    def __call__(self, x: Array) -> Array:
        return jnp.fft.ifftn(self.spectrum * jnp.fft.fftn(x)).real


class Subsampling(AbstractImaging):
    """Means over blocks of pixels, whose inverse is super-resolution.

    **Arguments:** `factor`: of each axis; `shape`: of the image, whose sizes are multiples of it.

    **Raises:** `ValueError` when they are not.

    >>> Subsampling(2, shape=(2, 4))(jnp.arange(8.0).reshape(2, 4)).tolist()
    [[2.5, 4.5]]
    """

    factor: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, factor: int, shape: tuple[int, ...]):
        self.factor = check_integer("factor", factor, minimum=1)
        self.shape = settle_image_shape(shape)
        if any(size % factor for size in self.shape):
            raise ValueError(f"shape must hold multiples of factor = {factor}, got {self.shape}")

    def __call__(self, x: Array) -> Array:
        split = [part for size in self.shape for part in (size // self.factor, self.factor)]
        return x.reshape(split).mean(tuple(range(1, len(split), 2)))


class TwoChannel(AbstractImaging):
    """An operator on complex images as one on real images of two channels, the real and the imaginary part.

    Diffusion models are real; this is how one of complex images (such as of MRI) meets its operator.

    **Arguments:** `operator`: an operator whose images are complex, such as `MRI(mask, maps, complex_image=True)`.

    **Raises:** `TypeError` when its images are real.

    >>> from perturbax import systems
    >>> operator = TwoChannel(systems.MRI(jnp.ones((4, 4), bool), complex_image=True))
    >>> operator.shape, operator.adjoint(operator(jnp.ones((2, 4, 4)))).dtype
    ((2, 4, 4), dtype('float32'))
    """

    operator: AbstractImaging

    def __init__(self, operator: AbstractImaging):
        self.operator = check_instance("operator", operator, AbstractImaging, "an operator of perturbax.systems")
        if not jnp.issubdtype(self.operator.dtype, jnp.complexfloating):
            raise TypeError(f"operator must take complex images, this {type(self.operator).__name__} takes real ones")

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, *self.operator.shape)

    def __call__(self, x: Array) -> Array:
        return self.operator(jax.lax.complex(x[0], x[1]))


class Stack(AbstractImaging):
    """The same operator on every slice of a volume.

    **Arguments:** `operator`: of one slice; `depth`: number of slices, the leading axis.

    **Raises:** `TypeError`, `ValueError` when they are something else.

    >>> from perturbax import systems
    >>> Stack(systems.Subsampling(2, (4, 4)), depth=3)(jnp.ones((3, 4, 4))).shape
    (3, 2, 2)
    """

    operator: AbstractImaging
    depth: int = eqx.field(static=True)

    def __init__(self, operator: AbstractImaging, depth: int):
        self.operator = check_instance("operator", operator, AbstractImaging, "an operator of perturbax.systems")
        self.depth = check_integer("depth", depth, minimum=1)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.depth, *self.operator.shape)

    @property
    def dtype(self) -> Any:
        return self.operator.dtype

    def __call__(self, x: Array) -> Array:
        return jax.vmap(self.operator)(x)


def settle_mask(name: str, mask: Any) -> Bool[Array, "..."]:
    """Booleans that are somewhere true."""
    mask = check_array(name, mask, kind="any")
    if mask.dtype != bool:
        raise TypeError(f"{name} must hold booleans, got dtype {mask.dtype}")
    if not bool(np.asarray(mask).any()):
        raise ValueError(f"{name} must be true somewhere")
    return jnp.asarray(mask)


def settle_image_shape(shape: Any) -> tuple[int, ...]:
    """A shape of one axis or more."""
    check_instance("shape", shape, tuple, "a tuple of sizes such as (28, 28)")
    return tuple(check_integer(f"shape[{i}]", size, minimum=1) for i, size in enumerate(shape))
