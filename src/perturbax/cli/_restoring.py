"""`perturbax diffusion restore`: images from measurements of them, with a diffusion model as the prior."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import check_file, check_writable, choose

if TYPE_CHECKING:
    import numpy as np

_OPERATORS = ("mri", "inpainting", "ct", "super-resolution")
_METHODS = ("dds", "projection", "gradient-step", "diffpir", "dps", "pigdm", "tikhonov", "tv")
_KINDS = "fiucb"


def restore(
    measurements: Annotated[
        Path, typer.Option("--in", help="Measurements, shape (n, ...): an .npy file, or file.h5:dataset.")
    ],
    operator: Annotated[str, typer.Option(help="mri, inpainting, ct or super-resolution.")],
    model: options.Model = None,
    mask: Annotated[
        Path | None, typer.Option(help="mri, inpainting: an .npy file of what is measured, 0 or 1.")
    ] = None,
    maps: Annotated[Path | None, typer.Option(help="mri: an .npy file of coil maps, complex (coils, ...).")] = None,
    angles: Annotated[Path | None, typer.Option(help="ct: an .npy file of angles in radians.")] = None,
    factor: Annotated[int, typer.Option(min=1, help="super-resolution: by how much.")] = 2,
    noise: Annotated[float, typer.Option(min=0.0, help="Standard deviation of the noise; 0 for none.")] = 0.0,
    method: Annotated[
        str, typer.Option(help="dds, projection, gradient-step, diffpir, dps, pigdm, tikhonov or tv.")
    ] = "dds",
    gamma: Annotated[
        float | None, typer.Option(help="dds: weight of the measurements; chosen from the noise by default.")
    ] = None,
    zeta: Annotated[float, typer.Option(min=0.0, help="dps: step size.")] = 1.0,
    weight: Annotated[float, typer.Option(min=0.0, help="tikhonov, tv: weight of the penalty.")] = 0.0,
    scale: Annotated[
        float,
        typer.Option(help="Divide the measurements by this, and multiply the images by it, to meet the model's range."),
    ] = 1.0,
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
    measurements. With --scale the images meet the range that the model was trained on.
    """
    import math

    import jax
    import numpy as np

    from perturbax import diffusion
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import print_json
    from ._task import build_task

    if model is None:
        raise ValueError("--model is needed: module:callable, digits, digits-mixture or mnist")
    choose("--operator", operator, _OPERATORS)
    choose("--method", method, _METHODS)
    if not (math.isfinite(scale) and scale > 0.0):
        raise ValueError(f"--scale must be a positive number, got {scale}")
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

    problem = diffusion.InverseProblem(prior, world, y / scale, noise / scale)
    solver = _method(method, gamma, zeta, weight, nfe, noise)
    if method == "tv" and image != task.shape:
        raise ValueError(f"--shape must be that of an image for --method tv, such as {image[0]},{image[1]}")
    x_T = None if framework == "jax" else task.starts(jax.random.key(seed), 0, len(y) * samples)
    with task.scope():
        found = diffusion.restore(problem, solver, key=jax.random.key(seed), num_samples=samples, x_T=x_T)
    x, residual = scale * np.asarray(found.mean), np.asarray(found.residual).mean(0)
    write_atomic(out, lambda file: np.savez(file, allow_pickle=False, x=x, residual=residual))
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


def _method(method: str, gamma: float | None, zeta: float, weight: float, nfe: int, noise: float) -> Any:
    from perturbax import diffusion

    sampler = diffusion.Renoise(steps=nfe)
    if method == "dds":
        if gamma is None and noise == 0.0:
            return diffusion.DDS(diffusion.Noiseless(), sampler)
        return diffusion.DDS(diffusion.Proximal(diffusion.PosteriorWeight() if gamma is None else gamma), sampler)
    if method in ("projection", "gradient-step"):
        return (diffusion.Projection if method == "projection" else diffusion.GradientStep)(sampler)
    if method == "dps":
        return diffusion.DPS(steps=nfe, zeta=zeta)
    if method in ("diffpir", "pigdm"):
        return (diffusion.DiffPIR if method == "diffpir" else diffusion.PiGDM)(steps=nfe)
    return diffusion.Tikhonov(weight) if method == "tikhonov" else diffusion.TotalVariation(weight)


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
    """An array of numbers, complex ones and booleans too."""
    from ._arrays import check_numbers, load_npy

    file, _, dataset = str(path).rpartition(":")
    if file.endswith((".h5", ".hdf5")):
        return check_numbers(option, path, _load_hdf5(option, Path(file), dataset), _KINDS)
    return load_npy(option, path, _KINDS)


def _load_hdf5(option: str, file: Path, dataset: str) -> Any:
    from ._arrays import import_h5py

    h5py = import_h5py()
    check_file(option, file)
    try:
        with h5py.File(file, "r") as store:
            found = store.get(dataset)
            if not isinstance(found, h5py.Dataset):
                raise ValueError(f"{option}: {file} has no dataset {dataset!r}, it has {', '.join(store) or 'none'}")
            return found[()]
    except OSError as error:
        raise ValueError(f"{option}: {file} is no readable HDF5 file ({error})") from None
