"""`perturbax dynamics`: what the layers of a user's network do to its features."""

import io
from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import check_writable

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _dynamics() -> None:
    """Neural collapse of features, layer by layer, and the model that explains it."""


@app.command()
def collapse(
    features: Annotated[
        list[Path],
        typer.Argument(
            help="Features, a row for each sample: .npz or .safetensors with layers in order, .npy or .csv."
        ),
    ],
    labels: Annotated[Path, typer.Option(help="A .npy or .csv file with the class of each sample, an integer.")],
    classifier: Annotated[
        Path | None, typer.Option(help="A .npy or .csv file with the weights (K, d) after the last layer.")
    ] = None,
    classifier_decay: Annotated[float, typer.Option(help="lambda_W of the model.")] = 5e-3,
    feature_decay: Annotated[float, typer.Option(help="lambda_H of the model.")] = 5e-4,
    picture: Annotated[Path | None, typer.Option(help="A .png file for the metrics over the layers.")] = None,
    as_json: options.Json = False,
) -> None:
    """Measure neural collapse in each layer, and by which proximity the model explains the step from the layer before.

    The proximity of one step predicts NC1~ of the next layer. The theory is for the squared loss; the metrics are for
    all losses. Classes may have different sizes.
    """
    from perturbax import stats
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import print_json, print_table
    from ._layers import load_labels, load_layers
    from ._points import load_points

    if picture is not None:
        check_writable("--picture", picture)
    layers, classes = load_layers("FEATURES", features), load_labels("--labels", labels)
    weights = None if classifier is None else load_points("--classifier", classifier)
    enable_compilation_cache()
    rows: list[dict[str, Any]] = []
    for name, h in layers.items():
        last = weights if len(rows) == len(layers) - 1 else None
        found = stats.collapse_metrics(h, classes, last)
        values = {n: getattr(found, n) for n in ("nc1", "nc1_trace", "nc2", "nc2_floor", "nc3", "ncc")}
        rows.append(
            {"layer": name, "width": h.shape[1], **{n: v if v is None else float(v) for n, v in values.items()}}
        )
    _explain(rows, list(layers.values()), classes, (classifier_decay, feature_decay))
    if picture is not None:
        write_atomic(picture, _picture(rows))
    if as_json:
        print_json({"samples": classes.size, "layers": rows})
        return
    names = ("width", "nc1", "nc1_trace", "nc2", "nc3", "ncc", "proximity", "predicted")
    table = [(row["layer"], *("-" if row[n] is None else f"{row[n]:.4g}" for n in names)) for row in rows]
    headings = ("width", "NC1", "NC1~", "NC2", "NC3", "NCC", "proximity", "NC1~ predicted")
    caption = "NC1~: quotient of traces; NCC: share of samples nearer to the mean of another class"
    columns = {"layer": "left", **dict.fromkeys(headings, "right")}
    print_table(f"neural collapse of {classes.size} samples", columns, table, caption=caption)


def _explain(rows: list[dict[str, Any]], layers: list[Any], labels: Any, decays: tuple[float, float]) -> None:
    """Adds to each layer the proximity that explains it by the layer before, and what that of the layer before predicts
    for it; `None` where a layer is no less variable than the one before."""
    from perturbax import dynamics

    known = None
    for i, row in enumerate(rows):
        row["proximity"] = row["predicted"] = None
        if i == 0:
            continue
        before = dynamics.CollapseProblem(layers[i - 1], labels, *decays)
        if known is not None:
            asked = dynamics.CollapseProblem(layers[i - 1], labels, *decays, proximity=known)
            row["predicted"] = float(dynamics.flow(asked, dynamics.ReducedNewton()).metrics.nc1_trace[0])
        known = None
        if 0.0 < row["nc1_trace"] < rows[i - 1]["nc1_trace"]:
            known = row["proximity"] = dynamics.matching_proximity(before, row["nc1_trace"])


def _picture(rows: list[dict[str, Any]]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.0), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    for name, label in (("nc1", "NC1"), ("nc1_trace", "NC1~"), ("nc2", "NC2"), ("predicted", "NC1~ predicted")):
        values = [float("nan") if row[name] is None else row[name] for row in rows]
        axes.plot(places, values, "x" if name == "predicted" else "o-", label=label)
    axes.set(yscale="log", ylabel="distance from collapse")
    axes.set_xticks(list(places), [row["layer"] for row in rows], rotation=30)
    axes.grid(True, color="0.9")
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
