"""`perturbax optimize tumour-build` and `tumour-query`: a database on an atlas, and the tumour of a patient from it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options

_NO_MATCH = 0.5
_Db = Annotated[Path, typer.Option(help="Folder of the database.")]


def tumour_build(
    db: _Db,
    white: Annotated[
        Path | None, typer.Option(help="NIfTI file with the share of white matter; the MNI152 template without it.")
    ] = None,
    grey: Annotated[
        Path | None, typer.Option(help="NIfTI file with the share of grey matter, on the same grid.")
    ] = None,
    resolution: Annotated[int, typer.Option(min=1, help="Side of a voxel of simulations, in voxels of the atlas.")] = 4,
    n: Annotated[
        int, typer.Option(min=1, help="Simulations in the database; more of them later go on from there.")
    ] = 2000,
    length: Annotated[tuple[float, float], typer.Option(help="Smallest and largest sqrt(D T) in mm.")] = (4.0, 16.0),
    growth: Annotated[tuple[float, float], typer.Option(help="Smallest and largest rho T.")] = (4.0, 20.0),
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; as many as there are cores by default.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Simulate tumours on a brain atlas once, for all patients. A build that was stopped goes on when called again.

    Research use: this is no medical device.
    """
    import jax

    from perturbax import optimize, systems
    from perturbax.core import enable_compilation_cache

    from ._console import print_json

    if (white is None) != (grey is None):
        raise ValueError("give --white and --grey, or none of them")
    if white is None or grey is None:
        whole = systems.BrainAnatomy.from_mni(1)
    else:
        whole = systems.BrainAnatomy.from_nifti(white, grey)
    if len(whole.shape) != 3:
        raise ValueError(f"--white must be a volume with three axes, got shape {whole.shape}")
    anatomy = whole.coarsen(resolution)
    about = {
        "white": anatomy.white,
        "grey": anatomy.grey,
        "affine": anatomy.affine,
        "spacing": anatomy.spacing,
        "length": length,
        "growth": growth,
    }
    enable_compilation_cache()
    forward, prior = _world(about)
    database = optimize.build_database(
        forward, prior, n, key=jax.random.key(seed), path=db, about=about, shard=32, workers=workers
    )
    summary = {"database": str(db), "simulations": database.size, "shape": list(anatomy.shape), "mm": anatomy.spacing}
    if as_json:
        print_json(summary)
    else:
        shape = " x ".join(map(str, anatomy.shape))
        print(f"{db}: {database.size} simulations on {shape} voxels of {anatomy.spacing:g} mm")


def tumour_query(
    whole: Annotated[Path, typer.Argument(help="NIfTI mask of the whole tumour (FLAIR), in the space of the atlas.")],
    core: Annotated[Path, typer.Argument(help="NIfTI mask of the tumour core (T1Gd and necrosis).")],
    db: _Db,
    thresholds: Annotated[
        tuple[float, float], typer.Option(help="Densities from which the whole tumour and its core are seen.")
    ] = (0.2, 0.6),
    blocks: Annotated[int, typer.Option(min=1, help="Compare means of so many voxels along each side.")] = 1,
    top_k: Annotated[int, typer.Option(min=1, help="Best simulations, which make up the posterior.")] = 20,
    temperature: Annotated[float, typer.Option(help="Of their weights exp(Dice / temperature).")] = 0.01,
    refine: Annotated[int, typer.Option(min=0, help="Simulations of CMA-ES from the best match on; 0 for none.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the density of cells as .nii.gz, on the atlas.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Look the tumour of a patient up: parameters, their uncertainty and the density of cells beyond what is seen.

    Masks have to be registered to the atlas before, with ANTs for instance; warp the density back with the same
    transformation. Research use: this is no medical device.
    """
    import jax
    import numpy as np

    from perturbax import interop, optimize
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json, print_table

    if out is not None:
        options.check_writable("--out", out)
        interop.check_nifti_name("--out", out)
    database = optimize.read_database(db)
    if not isinstance(database.about, dict) or "white" not in database.about:
        raise ValueError(f"--db {db} is no database of tumours: make one with perturbax optimize tumour-build")
    forward, prior = _world(database.about)
    anatomy = _anatomy(database.about)
    masks = [anatomy.mask(str(path), interop.read_nifti(path)) for path in (whole, core)]
    for path, mask in zip((whole, core), masks, strict=True):
        if not (mask & anatomy.tissue).any():
            raise ValueError(f"{path} has no voxel inside the brain of the atlas")
        outside = 1.0 - (mask & anatomy.tissue).sum() / mask.sum()
        if outside > 0.1:
            note(f"{100 * outside:.0f} per cent of {path} lie outside the brain of the atlas: is it registered?")
    if (masks[1] & ~masks[0]).any():
        note(f"{core} is not inside {whole}")
    enable_compilation_cache()
    seen = (database.predictions >= thresholds[1]).reshape(database.size, -1).any(1)
    database = database.select(seen)
    similarity, key = optimize.Dice(thresholds), jax.random.key(seed)
    problem = optimize.InverseProblem(forward, np.stack(masks), prior, similarity, temperature=temperature)
    encoding = optimize.Downsample(blocks) if blocks > 1 else None
    query = optimize.DatabaseQuery(database, similarity, encoding, top_k=min(top_k, database.size))
    posterior = best = optimize.invert(problem, query, key=key)
    if refine:
        best = optimize.invert(problem, optimize.CMAES(budget=refine), key=key, start=posterior)
    if best.score < _NO_MATCH:
        note(f"no match: the Dice is {best.score:.2f}; a database with more simulations or --refine may help")
    if out is not None:
        interop.write_nifti(out, interop.Volume(best.prediction, anatomy.affine))
    start = anatomy.affine @ [*(best.parameters[:3] / anatomy.spacing), 1.0]
    dice = [float(_dice(thresholds[i], best.prediction, masks[i])) for i in range(2)]
    summary = {
        "dice": {"whole": dice[0], "core": dice[1]},
        "start_mm": [float(x) for x in start[:3]],
        "length": best["length"],
        "growth": best["growth"],
        "posterior": {
            name: {"mean": float(posterior.mean[i]), "standard_deviation": float(posterior.standard_deviation[i])}
            for i, name in enumerate(posterior.names)
            if name in ("length", "growth")
        },
        "database": database.size,
        "simulations": best.stats["evaluations"],
        "seconds": posterior.stats["seconds"] + (best.stats["seconds"] if refine else 0.0),
    }
    if as_json:
        print_json(summary)
        return
    rows = [
        (name, f"{best[name]:.3g}", f"{values['mean']:.3g}", f"{values['standard_deviation']:.2g}")
        for name, values in summary["posterior"].items()
    ]
    caption = f"starts at {start[0]:.0f}, {start[1]:.0f}, {start[2]:.0f} mm of the atlas"
    columns = {"parameter": "left", "best": "right", "mean": "right", "deviation": "right"}
    print_table(f"Dice: whole tumour {dice[0]:.3f}, core {dice[1]:.3f}", columns, rows, caption=caption)


def _dice(level: float, prediction: Any, mask: Any) -> float:
    seen = prediction >= level
    return 2.0 * float((seen & mask).sum()) / float(seen.sum() + mask.sum())


def _anatomy(about: Any) -> Any:
    from perturbax import systems

    return systems.BrainAnatomy(about["white"], about["grey"], spacing=about["spacing"], affine=about["affine"])


def _world(about: Any) -> tuple[Any, Any]:
    """The model and the prior of a database."""
    from perturbax import systems

    anatomy = _anatomy(about)
    forward = systems.FisherKolmogorov(anatomy, reach=about["length"][1])
    return forward, systems.TumourPrior(anatomy, length=about["length"], growth=about["growth"])
