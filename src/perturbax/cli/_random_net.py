"""`perturbax approximate fit`: a column of a table as a function of the others, by random nets and their baselines."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._tables import read_table

_METHODS = ("random-net", "fourier", "kernel-ridge", "grown-net", "polynomial")


def fit(
    table: Annotated[Path, typer.Argument(help="A .csv file with a header; all columns are numbers.")],
    target: Annotated[str, typer.Option(help="The column to approximate, as a function of all others.")],
    method: Annotated[str, typer.Option(help=f"{', '.join(_METHODS)}.")] = "random-net",
    width: Annotated[int, typer.Option(min=1, help="Neurons or features.")] = 200,
    bandwidth: Annotated[
        float | None, typer.Option(help="In units of the columns' ranges; by default chosen by cross-validation.")
    ] = None,
    degree: Annotated[int, typer.Option(min=0, help="Of the polynomial.")] = 20,
    at: Annotated[Path | None, typer.Option(help="A .csv file with the other columns: where to evaluate.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .csv file for the values there.")] = Path("values.csv"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Fit a random net to a table, choose its bandwidth, and tell how well conditioned it is."""
    import jax
    import numpy as np

    from perturbax import approximate
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import note, print_json, print_table

    word = options.choose("--method", method, _METHODS)
    if at is not None:
        options.check_writable("--out", out)
    frame = read_table(table)
    if target not in frame:
        raise ValueError(f"--target must be a column of {table}, one of {', '.join(map(str, frame))}, got {target!r}")
    inputs = [name for name in frame if name != target]
    if not inputs:
        raise ValueError(f"{table} must have a column beside {target}")
    chosen: dict[str, Any] = {} if bandwidth is None else {"bandwidth": bandwidth}
    fitting: Any = {
        "random-net": lambda: approximate.BandlimitedRandomNet(width, **chosen),
        "fourier": lambda: approximate.RandomFourierFeatures(width, **chosen),
        "kernel-ridge": lambda: approximate.KernelRidge(**chosen),
        "grown-net": lambda: approximate.StochasticConfigurationNet(min(width, len(frame))),
        "polynomial": lambda: approximate.ChebyshevLeastSquares(degree),
    }[word]()
    data = approximate.ScatteredData(_numbers(table, frame, inputs), _numbers(table, frame, [target])[:, 0])
    enable_compilation_cache()
    fitted = approximate.fit(data, fitting, key=jax.random.key(seed))
    if at is not None:
        values = fitted(_numbers(at, read_table(at), inputs))
        rows = [target, *(f"{value:.17g}" for value in np.asarray(values))]
        write_atomic(out, ("\n".join(rows) + "\n").encode())
    candidates = [] if fitted.candidates is None else fitted.candidates.table().to_dict("records")
    if as_json:
        facts = {"method": word, "rows": len(data.x), "error": fitted.error, **fitted.stats}
        print_json({**facts, "candidates": candidates, "out": str(out) if at is not None else None})
        return
    if candidates:
        cells = [tuple(f"{row[name]:.4g}" for name in ("bandwidth", "score", "error", "rank")) for row in candidates]
        columns = {"bandwidth": "right", "cross-validation": "right", "residual": "right", "rank": "right"}
        print_table("Bandwidths", columns, cells, caption="the least cross-validation is taken")
    if fitted.stats.get("largest_coefficient", 0.0) > 1e8:
        note("coefficients above 1e8: do not evaluate outside of the table's ranges")
    print(f"{len(data.x)} rows, {word}: relative residual {fitted.error:.3g}")
    if at is not None:
        print(out)


def _numbers(path: Path, frame: Any, names: list[Any]) -> Any:
    import numpy as np
    import pandas as pd

    missing = [str(name) for name in names if name not in frame]
    if missing:
        raise ValueError(f"{path} must have the columns {', '.join(missing)}")
    numbers = frame[names].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    bad = np.argwhere(~np.isfinite(numbers))
    if bad.size:
        row, column = bad[0]
        raise ValueError(f"{path} must hold finite numbers, row {row} of column {names[column]} does not")
    return numbers
