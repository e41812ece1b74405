"""`perturbax diffusion restore`: images from measurements of them, with a diffusion model as the prior."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import check_writable

if TYPE_CHECKING:
    import numpy as np

_OPERATORS = ("mri", "inpainting", "ct", "super-resolution")
_METHODS = ("dds", "projection", "dps", "pigdm", "tikhonov")


def restore(
    measurements: Annotated[Path, typer.Option("--in", help="An .npy file of measurements, shape (n, ...).")],
    operator: Annotated[str, typer.Option(help="mri, inpainting, ct or super-resolution.")],
    model: options.Model = None,
    mask: Annotated[
        Path | None, typer.Option(help="mri, inpainting: an .npy file of what is measured, 0 or 1.")
    ] = None,
    maps: Annotated[Path | None, typer.Option(help="mri: an .npy file of coil maps, complex (coils, ...).")] = None,
    angles: Annotated[Path | None, typer.Option(help="ct: an .npy file of angles in radians.")] = None,
    factor: Annotated[int, typer.Option(min=1, help="super-resolution: by how much.")] = 2,
    noise: Annotated[float, typer.Option(min=0.0, help="Standard deviation of the noise; 0 for none.")] = 0.0,
    method: Annotated[str, typer.Option(help="dds, projection, dps, pigdm or tikhonov.")] = "dds",
    gamma: Annotated[
        float | None, typer.Option(help="dds: weight of the measurements; chosen from the noise by default.")
    ] = None,
    zeta: Annotated[float, typer.Option(help="dps: step size.")] = 1.0,
    nfe: Annotated[int, typer.Option(min=2, help="Network evaluations.")] = 50,
    samples: Annotated[int, typer.Option(min=1, help="Restorations to average.")] = 1,
    process: options.Process = None,
    process_option: options.ProcessOption = None,
    prediction: options.Prediction = None,
    shape: options.Shape = None,
    framework: options.Framework = "jax",
    condition: options.Condition = None,
    seed: options.Seed = 0,
    out: Annotated[Path, typer.Option(help="The .npz file to write.")] = Path("restored.npz"),
    png: Annotated[Path | None, typer.Option(help="Also write the images as one picture.")] = None,
    as_json: options.Json = False,
) -> None:
    """Restore images from linear measurements and tell how well the measurements are met.

    The .npz file holds `x`, the mean over --samples, and `residual`, the norm of what is not met over that of the
    measurements. Scale measurements so that images have the range that the model was trained on.
    """
    import io

    import jax
    import numpy as np

    from perturbax import diffusion
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._choices import choose
    from ._console import print_json
    from ._task import build_task

    if model is None:
        raise ValueError("--model is needed: module:callable, digits, digits-mixture or mnist")
    choose("--operator", operator, _OPERATORS)
    choose("--method", method, _METHODS)
    for option, path in (("--out", out), ("--png", png)):
        if path is not None:
            check_writable(option, path)
    y = _load("--in", measurements)
    enable_compilation_cache()
    task = build_task(
        model=model,
        process=process,
        process_option=process_option or [],
        prediction=prediction,
        shape=shape,
        condition=condition,
        unconditional=None,
        guidance=1.0,
        threshold="none",
        start=None,
        init=None,
        framework=framework,
    )
    image = _image_shape(task.shape)
    world = _operator(operator, image, mask, maps, angles, factor)
    prior = task.problem(0, len(y))
    if image != task.shape:
        flat = world

        def world(x: Any) -> Any:
            return flat(x.reshape(image))

    problem = diffusion.InverseProblem(prior, world, y, noise)
    solver = _method(method, gamma, zeta, nfe, noise)
    x_T = None if framework == "jax" else task.starts(jax.random.key(seed), 0, len(y))
    with task.scope():
        found = diffusion.restore(problem, solver, key=jax.random.key(seed), samples=samples, x_T=x_T)
    x, residual = np.asarray(found.mean), np.asarray(found.residual).mean(0)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, x=x, residual=residual)
    write_atomic(out, buffer.getvalue())
    if png is not None:
        from ._pictures import encode_png, sheet

        write_atomic(png, encode_png(sheet(x)))
    summary = {
        "out": str(out),
        "images": len(x),
        "evaluations": int(found.stats["evaluations"]),
        "residual": float(np.median(residual)),
    }
    if as_json:
        print_json(summary)
    else:
        print(
            f"{out}: {len(x)} images, {summary['evaluations']} network evaluations, measurements met to "
            f"{summary['residual']:.3g} of their norm (median)"
        )


def _method(method: str, gamma: float | None, zeta: float, nfe: int, noise: float) -> Any:
    from perturbax import diffusion

    sampler = diffusion.Renoise(steps=nfe)
    if method == "dds":
        noiseless = noise == 0.0 and gamma is None
        return diffusion.DDS(diffusion.Noiseless() if noiseless else diffusion.Proximal(gamma), sampler)
    if method == "projection":
        return diffusion.Projection(sampler)
    if method == "dps":
        return diffusion.DPS(steps=nfe, zeta=zeta)
    return diffusion.PiGDM(steps=nfe) if method == "pigdm" else diffusion.Tikhonov()


def _operator(
    name: str, shape: tuple[int, ...], mask: Path | None, maps: Path | None, angles: Path | None, factor: int
) -> Any:
    from perturbax import systems

    if name == "super-resolution":
        return systems.Subsampling(factor, shape)
    if name == "ct":
        if angles is None:
            raise ValueError("--angles is needed for --operator ct")
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"--operator ct needs square images of two axes, the shape is {shape}")
        return systems.ParallelBeamCT(shape[0], _load("--angles", angles).astype(float))
    if mask is None:
        raise ValueError(f"--mask is needed for --operator {name}")
    measured = _load("--mask", mask) != 0
    if measured.shape != shape:
        raise ValueError(f"--mask must have the shape of an image, {shape}, got {measured.shape}")
    if name == "inpainting":
        return systems.Inpainting(measured)
    return systems.MRI(measured, None if maps is None else _load("--maps", maps))


def _image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape itself, or for flat pictures that of the square that they fill."""
    if len(shape) > 1:
        return shape
    size = shape[0] if shape else 0
    side = round(size**0.5)
    if side * side != size:
        raise ValueError(f"--shape must be that of an image for restore, got {size}")
    return side, side


def _load(option: str, path: Path) -> "np.ndarray":
    """An array of numbers, complex ones and booleans too. Nothing is unpickled."""
    import numpy as np

    if not path.is_file():
        raise ValueError(f"{option}: there is no file {path}")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{option}: {path} is no readable .npy file of numbers ({error})") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiucb" or array.size == 0:
        raise ValueError(f"{option}: {path} must hold one array of numbers")
    return array
