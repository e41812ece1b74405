"""`perturbax diffusion stability`: for which steps a sampler does not explode, as numbers and as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import check_writable

if TYPE_CHECKING:
    from perturbax.diffusion import Stability


def stability(
    method: Annotated[
        str,
        typer.Option(help="Methods to compare, separated by commas, with options as in ghvb:order=2.3,plms:order=4."),
    ] = "ghvb",
    order: Annotated[
        float | None, typer.Option(help="Order of the solver, for methods that are given without.")
    ] = None,
    guidance: Annotated[
        float, typer.Option(help="Scale of guidance, by which the region shrinks in the worst case.")
    ] = 1.0,
    out: Annotated[Path | None, typer.Option("--plot", help="Draw the regions as a .png file.")] = None,
    as_json: options.Json = False,
) -> None:
    """The region of absolute stability of samplers on x' = lambda x, with z = lambda times the step.

    Printed are the stable part of the negative real axis, and how far the imaginary axis is stable.
    """
    import numpy as np

    from perturbax import diffusion

    from ._choices import build_method, parse_method
    from ._comparing import comparable
    from ._console import print_json, print_table

    if out is not None:
        check_writable("--plot", out)
    axis = 1j * np.linspace(0.0, 2.0, 201)
    rows, regions = [], {}
    for text in method.split(","):
        name, keywords = parse_method(text)
        if order is not None and "order" not in keywords:
            sampler: Any = build_method(name, order=order, **keywords)
        else:
            sampler = comparable(text, 20, None, None)
        if not isinstance(sampler, diffusion.AbstractPlanned):
            raise ValueError(f"--method: {name} chooses its steps as it goes and has no region of stability")
        along = diffusion.stability(sampler, axis, guidance=guidance)
        upper = float(axis.imag[np.argmin(along.stable) - 1 if not along.stable.all() else -1])
        rows.append({"method": text, "real_interval": along.real_interval, "imaginary_axis": upper})
        if out is not None:
            regions[text] = diffusion.stability(sampler, guidance=guidance)
    if out is not None:
        from perturbax.core import write_atomic

        write_atomic(out, _picture(regions))
    if as_json:
        print_json({"results": rows, "guidance": guidance, "plot": None if out is None else str(out)})
        return
    print_table(
        "Absolute stability, z = (eigenvalue) x (change of the noise level per evaluation)",
        {"method": "left", "real interval": "right", "imaginary axis up to": "right"},
        [[row["method"], f"{row['real_interval']:.4g}", f"{row['imaginary_axis']:.2f}"] for row in rows],
        caption="larger is calmer at few steps and strong guidance; it says nothing about accuracy",
    )
    if out is not None:
        print(out)


def _picture(regions: "dict[str, Stability]") -> bytes:
    import io

    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, region) in enumerate(regions.items()):
        x, y, color = np.real(region.z), np.imag(region.z), f"C{i}"
        axes.contourf(x, y, region.spectral_radius, levels=[0.0, 1.0 + 1e-4], colors=color, alpha=0.15)
        axes.contour(x, y, region.spectral_radius, levels=[1.0 + 1e-4], colors=color)
        axes.plot([], [], color=color, label=name)
    axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    axes.axvline(0.0, color="0.8", linewidth=0.8, zorder=0)
    axes.set(xlabel="Re z", ylabel="Im z", aspect="equal")
    axes.set_title("Regions of absolute stability: inside, errors decay", loc="left", fontsize=10)
    axes.legend(frameon=False, loc="upper left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
