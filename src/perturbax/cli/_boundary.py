"""`perturbax rom boundary-train` and `boundary-sample`: random boundary conditions of a submodel, from files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options

if TYPE_CHECKING:
    from perturbax import rom


def boundary_train(
    traces: Annotated[
        list[Path],
        typer.Argument(
            help="Displacements on the boundary: a .npy, .npz, .h5 or .csv file with a solution in each row, or a mesh "
            "of the boundary with a field for each."
        ),
    ],
    params: Annotated[
        Path | None, typer.Option(help="A .csv or .npy file with the known parameters of each solution.")
    ] = None,
    field: Annotated[str | None, typer.Option(help="Which array or field, when a file has several.")] = None,
    method: Annotated[str, typer.Option(help="wgan, gan, vae, gaussian, copula or stored.")] = "wgan",
    steps: Annotated[int | None, typer.Option(min=1, help="Of the training, for networks.")] = None,
    holdout: Annotated[int | None, typer.Option(min=0, help="Traces set aside; an eighth by default.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write the generator to.")] = Path(
        "boundary.npz"
    ),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Learn to generate boundary traces of a submodel from those of full solutions, and write a file to draw from.

    What is uncertain beside the known parameters is learned. The distance to traces that were set aside is told beside
    what it is between true ones.
    """
    import jax

    from perturbax import rom
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json
    from ._solutions import load_params, load_solutions

    chosen = _method(method, steps)
    options.check_writable("--out", out)
    loaded = load_solutions("TRACES", traces, field).fields
    known = None if params is None else load_params("--params", params)
    enable_compilation_cache()
    problem = rom.SubmodelProblem(loaded.reshape(len(loaded), -1), known, validation=holdout)
    found = rom.boundary_generator(problem, chosen, key=jax.random.key(seed))
    rom.save_boundary_generator(out, found)
    facts: dict[str, Any] = {
        "out": str(out),
        "method": type(chosen).__name__,
        "traces": len(problem.traces),
        "components": int(problem.varying.sum()),
        "parameters": problem.parameters.shape[1],
        "effective_rank": found.stats["effective_rank"],
        "distance": None if found.distance is None else found.distance.value,
        "floor": None if found.distance is None else found.distance.floor,
        "recall": None if found.distance is None else found.recall,
    }
    if as_json:
        print_json(facts)
        return
    note(f"{facts['traces']} traces of {facts['components']} components, effective rank {facts['effective_rank']}")
    if found.distance is not None:
        value, floor = found.distance
        note(f"sliced W1 to traces set aside {value:.3g}, between true ones {floor:.3g}; recall {found.recall:.0%}")
    print(out)


def boundary_sample(
    generator: Annotated[Path, typer.Argument(help="A file that boundary-train wrote.")],
    p: Annotated[
        str | None,
        typer.Option("--p", help="Known parameters, such as 1.2 or 1.2,0.4; those of training when left out."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Number of traces.")] = 1000,
    extrapolate: Annotated[
        bool, typer.Option("--extrapolate", help="Allow parameters beyond those of training.")
    ] = False,
    stiffness: Annotated[
        Path | None, typer.Option(help="Stiffness matrix of the submodel, .mtx or .npz: for its strain energy.")
    ] = None,
    boundary: Annotated[
        Path | None, typer.Option(help="An .npy file: which rows of the matrix a trace prescribes, in its order.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Tell the probability that the strain energy is above this.")
    ] = None,
    level: Annotated[float, typer.Option(help="Confidence of intervals.")] = 0.95,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npy or .csv file for the traces.")] = Path(
        "traces.npy"
    ),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Draw boundary traces from a generator; with a stiffness matrix, tell the strain energy of the submodel too."""
    import jax

    from perturbax import rom
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import note, print_json
    from ._points import check_points_file, encode_points

    options.check_writable("--out", out)
    check_points_file("--out", out, 1)
    asked = None if p is None else options.parse_numbers("--p", p)
    submodel = _submodel(stiffness, boundary)
    if threshold is not None and submodel is None:
        raise ValueError("--threshold needs --stiffness and --boundary")
    options.check_file("GENERATOR", generator)
    found = rom.load_boundary_generator(generator)
    if submodel is not None and submodel.size != found.varying.size:
        raise ValueError(f"--boundary must hold {found.varying.size} numbers, as traces have, got {submodel.size}")
    enable_compilation_cache()
    drawn = found.generate(jax.random.key(seed), asked, n, extrapolate=extrapolate)
    write_atomic(out, encode_points(out, drawn))
    facts: dict[str, Any] = {"out": str(out), "traces": len(drawn), "components": drawn.shape[1]}
    if submodel is not None:
        energy = rom.MonteCarlo(submodel.energy(drawn), 0)
        told = {"mean": energy.mean(level), "median": energy.quantile(0.5, level), "95 %": energy.quantile(0.95, level)}
        if threshold is not None:
            told[f"P(> {threshold:g})"] = energy.probability(threshold, level)
        facts["strain_energy"] = {name: each._asdict() for name, each in told.items()}
    if as_json:
        print_json(facts)
        return
    if submodel is not None:
        _tell(facts["strain_energy"], level)
    note(f"{len(drawn)} traces of {drawn.shape[1]} components")
    print(out)


def _method(word: str, steps: int | None) -> "rom.AbstractGeneratorMethod":
    from perturbax import rom

    networks = {"wgan": rom.WGANGP, "gan": rom.GAN, "vae": rom.ConditionalVAE}
    others = {"gaussian": rom.PCAGaussian, "copula": rom.PCACopula, "stored": rom.StoredTraces}
    name = options.choose("--method", word, [*networks, *others])
    if name in networks:
        return networks[name]() if steps is None else networks[name](steps=steps)
    if steps is not None:
        raise ValueError(f"--steps has no meaning for --method {name}")
    return others[name]()


def _submodel(stiffness: Path | None, boundary: Path | None) -> "rom.LinearSubmodel | None":
    import numpy as np
    import scipy.sparse

    from perturbax import rom

    from ._arrays import load_npy, read_matrix

    if (stiffness is None) != (boundary is None):
        raise ValueError("--stiffness and --boundary are needed together")
    if stiffness is None or boundary is None:
        return None
    index, read = load_npy("--boundary", boundary, "iu"), read_matrix("--stiffness", stiffness)
    rows, columns, entries = read.rows.listed()
    matrix = scipy.sparse.coo_array((entries, (rows, columns)), shape=2 * (int(np.prod(read.shape)),))
    return rom.LinearSubmodel(matrix, index)


def _tell(estimates: dict[str, dict[str, float]], level: float) -> None:
    from ._console import print_table

    rows = [(name, *(f"{each[end]:.4g}" for end in ("value", "low", "high"))) for name, each in estimates.items()]
    columns = {"": "left", "value": "right", "from": "right", "to": "right"}
    print_table(f"Strain energy of the submodel, with {level:.0%} confidence", columns, rows)
