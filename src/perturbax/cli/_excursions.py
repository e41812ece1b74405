"""`perturbax stats excursions`: how long a series stays above a level, from its correlation."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options

_PROBABILITIES = (0.25, 0.5, 0.75, 0.9, 0.99)


def excursions(
    series: Annotated[
        Path | None, typer.Option(help="A .csv file with one value a line, evenly spaced; the last column counts.")
    ] = None,
    acf: Annotated[
        Path | None, typer.Option(help="Instead: a .csv file with the correlation at the lags 0, dt, 2 dt, ...")
    ] = None,
    dt: Annotated[float, typer.Option(help="Time between two values.")] = 1.0,
    level: Annotated[float, typer.Option(help="In standard deviations above the mean.")] = 0.0,
    lags: Annotated[int | None, typer.Option(help="How many lags enter the fit of a series.")] = None,
    crossing_rate: Annotated[
        float | None, typer.Option(help="With --acf: crossings of the mean per unit of time.")
    ] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="With --series: drawn series for the error of theta.")] = 0,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Tell the formal result of an invalid model.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Write the survival function as a .png or .svg file.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """The law of excursions above a level by independent intervals: quantiles, tail exponent, and whether it is valid.

    For stationary, roughly Gaussian processes with a monotone correlation; what oscillates is refused.
    """
    import jax
    import numpy as np

    from perturbax import stats
    from perturbax.core import enable_compilation_cache

    from ._console import print_json

    if (series is None) == (acf is None):
        raise ValueError("give --series or --acf, one of them")
    if series is None and (bootstrap or lags is not None):
        raise ValueError("--bootstrap and --lags need --series")
    if series is not None and crossing_rate is not None:
        raise ValueError("--crossing-rate is for --acf; that of a --series is counted")
    if bootstrap == 1:
        raise ValueError("--bootstrap must be 2 or more, or 0 for none")
    if picture is not None:
        options.check_writable("--picture", picture)
    enable_compilation_cache()
    method = stats.SlepianIIA(check=not unchecked)
    observed = None
    if series is not None:
        x = _column(series)
        problem = stats.stationary_gaussian(x, dt, level=level, lags=lags)
        observed = stats.excursion_durations((x - x.mean()) / x.std(), dt, level)
    else:
        assert acf is not None
        r = _column(acf)
        fitted = stats.covariances.from_samples(dt * np.arange(r.size), r, crossing_rate=crossing_rate)
        problem = stats.StationaryGaussian(fitted, level=level)
    law = stats.excursions(problem, method)
    summary: dict[str, Any] = {
        "level": level,
        "lambda2": float(problem.lambda2),
        "mean": float(law.mean),
        "theta": float(law.theta),
        "valid": bool(law.valid),
        "reason": law.reason,
        "quantiles": [{"probability": q, "duration": float(law.quantile(q))} for q in _PROBABILITIES],
    }
    if observed is not None and observed.size:
        rows = zip(summary["quantiles"], np.quantile(observed, _PROBABILITIES), strict=True)
        for row, value in rows:
            row["observed"] = float(value)
        distance = stats.kolmogorov_smirnov(observed, lambda t: 1.0 - law.survival_at(t))
        floor = stats.kolmogorov_smirnov_floor(observed.size)
        summary["observed"] = {
            "excursions": observed.size,
            "mean": float(observed.mean()),
            "distance": distance,
            "floor": floor.mean,
        }
    if bootstrap:
        drawn = stats.bootstrap_theta(
            x, method, dt, key=jax.random.key(seed), repeats=bootstrap, level=level, lags=lags
        )
        low, high = np.nanquantile(drawn, [0.05, 0.95]) if np.isfinite(drawn).any() else (np.nan, np.nan)
        refused = int(np.isnan(drawn).sum())
        summary["bootstrap"] = {"repeats": bootstrap, "refused": refused, "low": float(low), "high": float(high)}
    if picture is not None:
        _draw(picture, law, observed)
    if as_json:
        print_json(summary)
    else:
        _tell(summary)


def _column(path: Path) -> Any:
    """The last column of a table, with or without a header."""
    import numpy as np
    import pandas as pd

    try:
        column = pd.read_csv(path, header=None, skip_blank_lines=True).iloc[:, -1]
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no table in CSV: {error}") from None
    values = pd.to_numeric(column, errors="coerce").to_numpy(float)
    start = int(not np.isfinite(values[0]))
    bad = np.flatnonzero(~np.isfinite(values[start:]))
    if bad.size or values.size == start:
        where = (
            f"line {bad[0] + start + 1} has {column.iloc[bad[0] + start]!r}" if bad.size else "there is a header only"
        )
        raise ValueError(f"{path} must hold numbers in its last column: {where}")
    return values[start:]


def _draw(path: Path, law: Any, observed: Any) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(law.t, np.where(law.survival > 0.0, law.survival, np.nan), color="#0072b2", label="independent intervals")
    if observed is not None and observed.size:
        ordered = np.sort(observed)
        left = 1.0 - np.arange(ordered.size) / ordered.size
        axes.step(ordered, left, where="post", color="0.3", linewidth=1.0, label=f"{ordered.size} observed")
    axes.set(yscale="log", ylim=(1e-3, 1.2), xlim=(0.0, law.t[-1]), xlabel="t", ylabel="P(excursion > t)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def _tell(summary: dict[str, Any]) -> None:
    from ._console import print_table

    seen = summary.get("observed")
    columns = {"probability": "right", "not longer than": "right"} | ({"observed": "right"} if seen else {})
    rows = []
    for row in summary["quantiles"]:
        shown = [row["duration"], *([row["observed"]] if seen else [])]
        rows.append((f"{row['probability']:g}", *(f"{value:.4g}" for value in shown)))
    tail = f"mean {summary['mean']:.4g}; P(T > t) ~ exp(-{summary['theta']:.4g} t)"
    print_table(f"Excursions above {summary['level']:g} standard deviations", columns, rows, caption=tail)
    if "bootstrap" in summary:
        drawn = summary["bootstrap"]
        kept = drawn["repeats"] - drawn["refused"]
        print(f"theta between {drawn['low']:.4g} and {drawn['high']:.4g} in 90 % of {kept} drawn series")
    if seen:
        print(
            f"{seen['excursions']} observed excursions, mean {seen['mean']:.4g}; Kolmogorov-Smirnov distance "
            f"{seen['distance']:.3f}, by sampling alone about {seen['floor']:.3f}"
        )
    print(
        f"{'valid' if summary['valid'] else 'not a distribution'}{': ' if summary['reason'] else ''}{summary['reason']}"
    )
