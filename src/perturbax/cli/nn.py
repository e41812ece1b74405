"""`perturbax nn`: initial values for state-space layers of any framework, and what the spectrum of one looks like."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import check_writable, choose

app = typer.Typer(no_args_is_help=True)

# How public S4D and S5 code names the two parts of eigenvalues. Those of S4D hold the logarithm of minus the real part.
_NAMES = (("log_A_real", "A_imag"), ("inv_A_real", "A_imag"), ("Lambda_re", "Lambda_im"))
_SHOWN = 8


@app.callback()
def _nn() -> None:
    """Initial values for state-space layers, and the spectra of trained ones."""


@app.command("ssm-init")
def ssm_init(
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npz file to write: values, B, V, V_inverse.")],
    n: Annotated[
        int, typer.Option(help="Size of the real state; one of each conjugate pair of modes is written.")
    ] = 64,
    method: Annotated[str, typer.Option(help="ptd, random-ptd, s4d-legs, s4d-lin or s4d-inv.")] = "ptd",
    eps: Annotated[
        float, typer.Option(help="Of random-ptd: the 2-norm of E, where |A| = 0.637 n^2. Of ptd: where it starts.")
    ] = 0.1,
    gamma: Annotated[float, typer.Option(help="Of ptd: condition number that one unit of |E| is worth.")] = 1000.0,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Write eigenvalues and the change of basis with which an S4D or S5 layer starts: B' = V_inverse B, C' = C V.

    One of each conjugate pair is kept, so that the output is 2 Re(C' x). B is B' for HiPPO-LegS.
    """
    import jax
    import numpy as np

    from perturbax import linalg
    from perturbax.core import write_atomic
    from perturbax.nn import ssm

    from ._console import note, print_json

    check_writable("--out", out)
    perturbed = {"ptd": lambda: linalg.PTD(gamma, eps), "random-ptd": lambda: linalg.RandomPTD(eps)}
    plain = {"s4d-legs": ssm.s4d_legs, "s4d-lin": ssm.s4d_lin, "s4d-inv": ssm.s4d_inv}
    method = choose("--method", method, (*perturbed, *plain))
    summary: dict[str, Any] = {"out": str(out), "method": method}
    if method in plain:
        modes = plain[method](n)
    else:
        system = ssm.legs(n)
        found = linalg.diagonalize(system.A, perturbed[method](), key=jax.random.key(seed), stable=True)
        modes = ssm.diagonal(system, found)
        summary |= {
            "perturbation": float(np.linalg.norm(found.perturbation, 2)),
            "condition": found.condition,
            "backward_error": found.backward_error,
            "gap": found.gap,
            "reflected": found.reflected,
        }
    arrays = {"values": modes.values, "B": modes.inputs, "V": modes.outputs, "V_inverse": modes.inverse}
    write_atomic(out, lambda file: np.savez(file, allow_pickle=False, **arrays))
    summary["modes"] = modes.values.size
    if as_json:
        print_json(summary)
        return
    if method in perturbed:
        note(
            f"|E| = {summary['perturbation']:.3g}, condition number {summary['condition']:.3g}, backward error "
            f"{summary['backward_error']:.2g}, {summary['reflected']} eigenvalues reflected"
        )
    note(f"{summary['modes']} modes by {method}")
    print(out)


@app.command("ssm-spectrum")
def ssm_spectrum(
    file: Annotated[
        Path,
        typer.Argument(
            help="An .npz of values; or of log_A_real or inv_A_real, with A_imag (S4D); or of Lambda_re and Lambda_im "
            "(S5). Names may have the path of a layer before them."
        ),
    ],
    dt: Annotated[float | None, typer.Option(help="The step of the layer: tells aliases, and cycles per step.")] = None,
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
    slowest = values[np.argsort(np.abs(values.real), kind="stable")[:_SHOWN]]
    summary: dict[str, Any] = {
        "modes": values.size,
        "unstable": int(np.count_nonzero(values.real >= 0.0)),
        "slowest_decay": float(-values.real.max()),
        "largest_frequency": float(np.abs(values.imag).max()),
        "resonances": [{"frequency": float(abs(v.imag)), "decay": float(-v.real)} for v in slowest],
    }
    if dt is not None:
        summary["aliased"] = float(np.mean(np.abs(values.imag) * dt > np.pi))
        for row in summary["resonances"]:
            row["cycles_per_step"] = row["frequency"] * dt / (2.0 * np.pi)
    if as_json:
        print_json(summary)
        return
    columns = {name.replace("_", " "): "right" for name in summary["resonances"][0]}
    rows = [[f"{value:.4g}" for value in row.values()] for row in summary["resonances"]]
    caption = f"{summary['unstable']} of {summary['modes']} modes unstable"
    if dt is not None:
        caption += f", {100 * summary['aliased']:.0f} % aliased"
    print_table("The modes that decay most slowly", columns, rows, caption=caption)


def _values(file: Path) -> Any:
    """The eigenvalues in a file, all layers and channels in a row."""
    import numpy as np

    from perturbax.core import check_array

    from ._arrays import load_npz

    arrays = load_npz("FILE", file)
    if "values" in arrays:
        return np.ravel(check_array(f"values of {file}", arrays["values"], kind="number")).astype(complex)
    found = []
    for real, imag in _NAMES:
        for name in arrays:
            other = name.removesuffix(real) + imag
            if not name.endswith(real) or other not in arrays:
                continue
            a, b = (check_array(f"{part} of {file}", arrays[part], kind="floating") for part in (name, other))
            if a.shape != b.shape:
                raise ValueError(f"{name} and {other} of {file} must have one shape, got {a.shape} and {b.shape}")
            found.append(np.ravel((a if real == "Lambda_re" else -np.exp(a)) + 1j * b))
    if not found:
        wanted = " or ".join(f"{real} and {imag}" for real, imag in _NAMES)
        raise ValueError(f"FILE: {file} must hold values, or {wanted}, got {', '.join(arrays) or 'nothing'}")
    return np.concatenate(found)
