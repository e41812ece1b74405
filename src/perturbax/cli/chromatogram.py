"""`perturbax chromatogram`: rates from the peaks of a trace, and the trace of a column."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import check_file

app = typer.Typer(no_args_is_help=True, help="Peaks of gas chromatograms: fitted from a trace, predicted for a column.")

# Names of classes of `approximate` and `pde`, which are imported when a command runs.
_FITS = {"laplace": "LaplaceFit", "gaussian": "GaussianPeaks", "modified-gaussian": "ModifiedGaussianPeaks"}
_SIMULATIONS = {"laplace": "LaplaceIntegral", "dispersion": "LaplaceInversion", "full": "FiniteDifference"}

Out = Annotated[Path | None, typer.Option("--out", "-o", help="A .csv file for the curves.")]
Picture = Annotated[Path | None, typer.Option(help="A .png or .svg file of the curves.")]


@app.command()
def fit(
    data: Annotated[Path, typer.Argument(help="A .csv file with a header: time in seconds, signal.")],
    dead_time: Annotated[float, typer.Option(help="When what is not retained leaves, in seconds.")],
    peaks: Annotated[str, typer.Option(help="How many to look for, or their times: 3 or 51,82,140.")] = "1",
    pulse: Annotated[float, typer.Option(help="Width of the injection, in seconds.")] = 1.0,
    phase_ratio: Annotated[
        float, typer.Option(help="Stationary phase over gas; with 1 the adsorption that is told is alpha k_a.")
    ] = 1.0,
    method: Annotated[str, typer.Option(help="laplace, gaussian or modified-gaussian.")] = "laplace",
    time_column: Annotated[str | None, typer.Option(help="By default the first column.")] = None,
    signal_column: Annotated[str | None, typer.Option(help="By default the last column.")] = None,
    out: Out = None,
    picture: Picture = None,
    as_json: options.Json = False,
) -> None:
    """Fit rates of adsorption and desorption to every peak, with heights and a straight baseline."""
    import numpy as np

    from perturbax import approximate
    from perturbax.core import enable_compilation_cache
    from perturbax.systems import column

    from ._console import note, print_json

    _check_outputs(out, picture)
    chosen = getattr(approximate, _FITS[options.choose("--method", method, _FITS)])()
    if not 0.0 < dead_time < float("inf"):
        raise ValueError(f"--dead-time must be > 0, got {dead_time:g}")
    times, signal = _read_trace(data, time_column, signal_column)
    apparatus = column.GasColumn(1.0, column.ConstantFlow(1.0 / dead_time), phase_ratio)
    trace = approximate.DetectorTrace(apparatus, times, signal, column.Rectangle(pulse), _read_peaks(peaks))
    enable_compilation_cache()
    fitted = approximate.fit(trace, chosen)
    if out is not None:
        names = [f"peak {i + 1}" for i in range(trace.peaks)]
        _write(out, ["time", "signal", "fitted", *names], [trace.times, trace.signal, fitted.fitted, *fitted.curves])
    if picture is not None:
        _draw(picture, trace.times, fitted.curves + fitted.fitted - fitted.curves.sum(0), None, trace.signal)
    noise = float(np.sqrt(np.mean(fitted.residual**2)))
    if as_json:
        print_json(
            {
                "peaks": fitted.table().to_dict("records"),
                "resolution": fitted.resolution.tolist(),
                "baseline": fitted.baseline.tolist(),
                "residual": noise,
                "condition": fitted.condition,
                "warnings": list(fitted.warnings),
            }
        )
        return
    _tell(fitted, noise)
    for warning in fitted.warnings:
        note(f"warning: {warning}")


@app.command()
def simulate(
    case: Annotated[Path, typer.Argument(help="A .toml file with column, pulse and analytes; the docs show one.")],
    method: Annotated[
        str, typer.Option(help="laplace; dispersion, which counts it; or full, with competition too.")
    ] = "laplace",
    out: Out = None,
    picture: Picture = None,
    as_json: options.Json = False,
) -> None:
    """Predict what leaves a column: retention times, widths, and whether neighbours are separated."""
    from perturbax import pde
    from perturbax.core import enable_compilation_cache

    from ._column_case import read_case
    from ._console import note, print_json, print_table

    _check_outputs(out, picture)
    chosen = getattr(pde, _SIMULATIONS[options.choose("--method", method, _SIMULATIONS)])()
    read = read_case(case)
    enable_compilation_cache()
    found = pde.simulate(read.injection, chosen, read.times)
    if out is not None:
        _write(out, ["time", *read.names], [found.times, *found.concentration])
    if picture is not None:
        _draw(picture, found.times, found.concentration, read.names, None)
    rows = list(zip(read.names, found.retention_times, found.deviations, found.concentration.max(1), strict=True))
    if as_json:
        keys = ("name", "retention_time", "standard_deviation", "top")
        analytes = [dict(zip(keys, (row[0], *map(float, row[1:])), strict=True)) for row in rows]
        print_json(
            {
                "analytes": analytes,
                "resolution": found.resolution.tolist(),
                "competition": found.competition,
                "warnings": list(found.warnings),
            }
        )
        return
    columns = {"analyte": "left", "retention time": "right", "standard deviation": "right", "top": "right"}
    shown = [(row[0], *(f"{value:.5g}" for value in row[1:])) for row in rows]
    resolution = ", ".join(f"{value:.2f}" for value in found.resolution)
    print_table("Seconds and mol/m^3", columns, shown, caption=f"resolution {resolution}" if resolution else None)
    for warning in found.warnings:
        note(f"warning: {warning}")


def _check_outputs(out: Path | None, picture: Path | None) -> None:
    for option, path, endings in (("--out", out, (".csv",)), ("--picture", picture, (".png", ".svg"))):
        if path is not None:
            options.check_writable(option, path)
            if path.suffix not in endings:
                raise ValueError(f"{option} {path} must end with {' or '.join(endings)}")


def _read_trace(path: Path, time_column: str | None, signal_column: str | None) -> tuple[Any, Any]:
    import numpy as np
    import pandas as pd

    from ._tables import read_table

    check_file("DATA", path)
    table = read_table(path)
    if table.shape[1] < 2:
        raise ValueError(f"{path} must have columns of times and of the signal, got {table.shape[1]} column")
    columns = []
    for option, name, place in (("--time-column", time_column, 0), ("--signal-column", signal_column, -1)):
        if name is not None and name not in table:
            raise ValueError(f"{option} must be one of {', '.join(map(str, table.columns))}, got {name!r}")
        column = table[name] if name is not None else table.iloc[:, place]
        values = pd.to_numeric(column, errors="coerce").to_numpy(float)
        if (bad := np.flatnonzero(~np.isfinite(values))).size:
            raise ValueError(f"{path} must hold numbers, line {bad[0] + 2} of {column.name} has {column.iloc[bad[0]]}")
        columns.append(values)
    return columns[0], columns[1]


def _read_peaks(text: str) -> Any:
    try:
        return [float(part) for part in text.split(",")] if "," in text or "." in text else int(text)
    except ValueError:
        raise ValueError(f"--peaks must be a number of peaks or times separated by commas, got {text!r}") from None


def _write(path: Path, names: list[str], columns: list[Any]) -> None:
    import numpy as np
    import pandas as pd

    from perturbax.core import write_atomic

    text = pd.DataFrame(np.stack(columns, 1), columns=np.array(names)).to_csv(index=False, float_format="%.9g")
    write_atomic(path, text.encode())


def _draw(path: Path, times: Any, curves: Any, names: tuple[str, ...] | None, signal: Any) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.subplots()
    if signal is not None:
        axes.plot(times, signal, ".", color="0.7", markersize=2.5, label="signal")
    for i, curve in enumerate(curves):
        axes.plot(times, curve, linewidth=1.4, label=names[i] if names else f"peak {i + 1}")
    axes.set(xlabel="time in s", ylabel="signal" if names is None else "mol/m^3")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def _tell(fitted: Any, noise: float) -> None:
    from ._console import print_table

    table = fitted.table()
    columns = {name.replace("_", " "): "right" for name in table.columns if not name.endswith("_error")}
    shown = ["retention_time", "standard_deviation", "adsorption", "desorption", "height", "area", "plates"]
    rows = [tuple(_with_error(row, name) for name in shown) for row in table.to_dict("records")]
    resolution = ", ".join(f"{value:.2f}" for value in fitted.resolution)
    caption = f"root mean square of the residual {noise:.3g}" + (f"; resolution {resolution}" if resolution else "")
    print_table("Peaks, in seconds and 1/s", columns, rows, caption=caption)


def _with_error(row: dict[str, Any], name: str) -> str:
    error = row.get(f"{name}_error")
    return f"{row[name]:.5g}" + ("" if error is None else f" ± {100.0 * error:.1f} %")
