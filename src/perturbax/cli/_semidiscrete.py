"""`perturbax transport semidiscrete`: the optimal map from a Gaussian onto the points of a file."""

from pathlib import Path
from typing import Annotated

import typer

from . import _options as options
from ._options import check_writable


def semidiscrete(
    points: Annotated[Path, typer.Option(help="An .npy file of latents, shape (n, ...); flattened to (n, d).")],
    out: Annotated[Path, typer.Option(help="The file to write the map to.")] = Path("map.npz"),
    weights: Annotated[Path | None, typer.Option(help="An .npy file of n positive weights that sum to 1.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Iterations of Adam.")] = 300,
    samples: Annotated[int | None, typer.Option(min=1, help="Source points; 100 for each latent by default.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Fit the map and tell how well the masses of its cells agree with the weights.

    A run that is interrupted goes on from OUT.partial. Exit code 1 when the map did not converge; it is written all the
    same.
    """
    import jax

    from perturbax import transport
    from perturbax.core import enable_compilation_cache

    from ._arrays import load_array
    from ._console import print_json

    check_writable("--out", out)
    rows = load_array("--points", points)
    mass = None if weights is None else load_array("--weights", weights)
    problem = transport.SemiDiscrete(rows.reshape(len(rows), -1).astype(float), mass)
    enable_compilation_cache()
    partial = out.with_name(f"{out.name}.partial")
    method = transport.MonteCarloAdam(steps=steps, samples=samples)
    found = transport.semidiscrete(problem, method, key=jax.random.key(seed), checkpoint=partial)
    found.save(out)
    partial.unlink(missing_ok=True)
    summary = {
        "out": str(out),
        "targets": int(found.weights.size),
        "merged": found.stats["merged"],
        "mass_error": found.mass_error,
        "floor": found.floor,
        "empty_cells": found.empty_cells.tolist(),
        "converged": found.converged,
    }
    if as_json:
        print_json(summary)
    else:
        print(
            f"{out}: {summary['targets']} targets, mass error {found.mass_error:.3g} (floor {found.floor:.3g}, "
            f"converged up to 1.6 floors), {found.empty_cells.size} empty cells"
        )
    if not found.converged:
        raise typer.Exit(1)
