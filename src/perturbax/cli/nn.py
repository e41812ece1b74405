"""`perturbax nn`: initial values for state-space layers of any framework, and what the spectrum of one looks like."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options

app = typer.Typer(no_args_is_help=True, help="State-space layers: initial values and spectra.")

# How public S4D and S5 code names the parts of the eigenvalues, with what makes real parts of the first.
_NAMES = (("log_A_real", "A_imag"), ("Lambda_re", "Lambda_im"))


@app.callback()
def _group() -> None:
    """Keeps the names of the commands when there is one only."""


@app.command("ssm-init")
def ssm_init(
    out: Annotated[Path, typer.Option(help="The .npz file to write: values, B, V, V_inverse.")],
    n: Annotated[
        int, typer.Option(help="Size of the real state; one of each conjugate pair of modes is written.")
    ] = 64,
    method: Annotated[str, typer.Option(help="ptd, random-ptd, s4d-legs, s4d-lin or s4d-inv.")] = "ptd",
    gamma: Annotated[float | None, typer.Option(help="Of ptd: worth of a unit of |E| in condition number.")] = None,
    eps: Annotated[float | None, typer.Option(help="Of random-ptd: the 2-norm of E, where |A| = 0.637 n^2.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Write eigenvalues and the change of basis with which an S4D or S5 layer starts: B' = V_inverse B, C' = C V."""
    import jax
    import numpy as np

    from perturbax import linalg
    from perturbax.core import check_choice, write_atomic
    from perturbax.nn import ssm

    from ._console import print_json

    options.check_writable("--out", out)
    plain = {"s4d-legs": ssm.s4d_legs, "s4d-lin": ssm.s4d_lin, "s4d-inv": ssm.s4d_inv}
    check_choice("--method", method, ("ptd", "random-ptd", *plain))
    if gamma is not None and method != "ptd":
        raise ValueError(f"--gamma is for --method ptd, got {method}")
    if eps is not None and method != "random-ptd":
        raise ValueError(f"--eps is for --method random-ptd, got {method}")
    summary: dict[str, Any] = {"out": str(out), "method": method}
    if method in plain:
        modes = plain[method](n)
    else:
        system = ssm.legs(n)
        chosen = linalg.PTD() if method == "ptd" else linalg.RandomPTD()
        if gamma is not None:
            chosen = linalg.PTD(gamma=gamma)
        if eps is not None:
            chosen = linalg.RandomPTD(eps)
        found = linalg.diagonalize(system.A, chosen, key=jax.random.key(seed), stable=True)
        modes = ssm.diagonal(system, found)
        summary |= {
            "perturbation": float(np.linalg.norm(found.perturbation, 2)),
            "condition": found.condition,
            "backward_error": found.backward_error,
            "gap": found.gap,
            "reflected": found.reflected,
        }
    arrays = {"values": modes.values, "B": modes.inputs, "V": modes.outputs, "V_inverse": modes.inverse}
    write_atomic(out, lambda file: np.savez(file, **arrays))
    summary["modes"] = modes.values.size
    if as_json:
        print_json(summary)
        return
    print(f"{out}: {summary['modes']} modes by {method}")
    if "condition" in summary:
        print(
            f"|E| = {summary['perturbation']:.3g}, condition number {summary['condition']:.3g}, backward error "
            f"{summary['backward_error']:.2g}, {summary['reflected']} reflected"
        )


@app.command("ssm-spectrum")
def ssm_spectrum(
    file: Annotated[Path, typer.Argument(help="An .npz with values; or log_A_real, A_imag; or Lambda_re, Lambda_im.")],
    dt: Annotated[
        float | None, typer.Option(help="The step of the layer: tells aliased modes and waves per step.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Tell whether the modes of a layer are stable, how long they remember, and the waves that they resonate with."""
    import numpy as np

    from perturbax.core import check_number

    from ._console import print_json, print_table

    values = _values(file)
    if dt is not None:
        check_number("--dt", dt, minimum=0.0, exclusive=True)
    # The largest gain of a mode at unit input and output is 1 / |Re|, at its own frequency.
    order = np.argsort(np.abs(values.real))[:8]
    summary: dict[str, Any] = {
        "modes": values.size,
        "unstable": int(np.count_nonzero(values.real >= 0.0)),
        "slowest_decay": float(-values.real.max()),
        "largest_frequency": float(np.abs(values.imag).max()),
        "resonances": [{"frequency": float(abs(v.imag)), "decay": float(-v.real)} for v in values[order]],
    }
    if dt is not None:
        summary["aliased"] = float(np.mean(np.abs(values.imag) * dt > np.pi))
        for row in summary["resonances"]:
            row["cycles_per_step"] = row["frequency"] * dt / (2.0 * np.pi)
    if as_json:
        print_json(summary)
        return
    columns = dict.fromkeys(summary["resonances"][0], "right")
    rows = [[f"{value:.4g}" for value in row.values()] for row in summary["resonances"]]
    caption = f"{summary['unstable']} of {summary['modes']} modes unstable"
    if dt is not None:
        caption += f", {100 * summary['aliased']:.0f} % aliased"
    print_table("The modes that decay most slowly", columns, rows, caption=caption)


def _values(file: Path) -> Any:
    """The eigenvalues in a file, all layers and channels in a row."""
    import zipfile

    import numpy as np

    from perturbax.core import check_array

    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise ValueError(f"{file} is no .npz file: {error}") from None
    if "values" in arrays:
        return np.ravel(check_array(f"values of {file}", arrays["values"], kind="number")).astype(complex)
    for real, imag in _NAMES:
        if real in arrays and imag in arrays:
            a, b = (check_array(f"{name} of {file}", arrays[name], kind="floating") for name in (real, imag))
            if a.shape != b.shape:
                raise ValueError(f"{real} and {imag} of {file} must have one shape, got {a.shape} and {b.shape}")
            return np.ravel((-np.exp(a) if real.startswith("log") else a) + 1j * b)
    raise ValueError(
        f"{file} must hold values, or {' or '.join(f'{a} and {b}' for a, b in _NAMES)}, got {sorted(arrays) or 'nothing'}"
    )
