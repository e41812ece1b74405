"""`perturbax stats fit-distribution`: new rows of a table whose columns depend on a few hidden variables."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options


def fit_distribution(
    data: Annotated[Path, typer.Argument(help="The rows: .npy, .csv or .h5ad, numbers only.")],
    latent: Annotated[int, typer.Option(min=1, help="Dimension of the set on which the rows lie.")] = 1,
    sigma: Annotated[
        str, typer.Option(help="Noise on the data in units of its scale: auto, a number, or several to choose from.")
    ] = "auto",
    normal: Annotated[
        bool, typer.Option("--normal", help="A normal latent variable in the place of a uniform one.")
    ] = False,
    standardise: Annotated[
        bool, typer.Option("--standardise", help="Give every column its own scale, for columns of unlike units.")
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 3000,
    restarts: Annotated[int, typer.Option(min=1, help="Starts for every noise; the largest likelihood is kept.")] = 1,
    num_samples: Annotated[int, typer.Option(min=1, help="New rows to draw.")] = 1000,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npy or .csv file for new rows.")] = Path("samples.csv"),
    scores: Annotated[
        Path | None, typer.Option(help="A .npy or .csv file for the log density of every row of DATA: low is unusual.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="An .npz file for the fitted law, read by stats.load_distribution.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Fit a generator to the rows by likelihood with instance noise, and draw new rows without noise.

    For one or two latent dimensions the likelihood is computed by quadrature, for more by importance sampling from an
    encoder that is learned along.
    """
    import jax
    import numpy as np

    from perturbax import stats
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import note, print_json
    from ._points import check_points_file, encode_points, load_points

    for option, path in (("--out", out), ("--scores", scores)):
        if path is not None:
            options.check_writable(option, path)
            check_points_file(option, path, 1)
    if model is not None:
        options.check_writable("--model", model)
    rows = load_points("DATA", data)
    likelihood: Any = stats.Quadrature(256 if latent == 1 else 4096) if latent <= 2 else stats.ImportanceWeighted()
    chosen: dict[str, Any] = {} if sigma == "auto" else {"sigma": _levels(sigma)}
    method = stats.PerturbedMLE(
        latent=stats.NormalLatent(latent) if normal or latent > 2 else stats.UniformLatent(latent),
        likelihood=likelihood,
        steps=steps,
        restarts=restarts,
        **chosen,
    )
    problem = stats.Observations(rows, scale=rows.std(0) if standardise else None)
    enable_compilation_cache()
    fit_key, draw_key = jax.random.split(jax.random.key(seed))
    fitted = stats.fit_distribution(problem, method, key=fit_key)
    write_atomic(out, encode_points(out, np.asarray(fitted.sample(draw_key, num_samples))))
    if scores is not None:
        write_atomic(scores, encode_points(scores, np.asarray(fitted.log_density(rows))[:, None]))
    if model is not None:
        stats.save_distribution(model, fitted)
    facts = {
        "out": str(out),
        "rows": len(rows),
        "rank": fitted.stats["rank"],
        "sigma_perturb": fitted.sigma_perturb,
        "sigma": fitted.sigma,
        "candidates": [] if fitted.candidates is None else fitted.table().to_dict("records"),
    }
    if as_json:
        print_json(facts)
        return
    if fitted.candidates is not None:
        _tell(facts["candidates"])
    note(f"{len(rows)} rows that span {facts['rank']} dimensions, fitted with noise {fitted.sigma_perturb:g}")
    print(out)


def _levels(text: str) -> tuple[float, ...]:
    try:
        levels = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--sigma must be auto or numbers separated by commas, got {text!r}") from None
    if not all(0.0 < level < float("inf") for level in levels):
        raise ValueError(f"--sigma must be > 0 and finite, got {text!r}")
    return levels


def _tell(candidates: list[dict[str, Any]]) -> None:
    from ._console import print_table

    rows = [(f"{row['sigma']:g}", f"{row['distance']:.4g}", f"{row['spread']:.2g}") for row in candidates]
    columns = {"noise": "right", "distance": "right", "spread": "right"}
    print_table("W1 to rows set aside", columns, rows)
