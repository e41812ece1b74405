"""`perturbax rom`: reduced bases and boundary conditions of a user's own simulations."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _boundary
from . import _options as options
from ._options import check_writable, choose

app = typer.Typer(no_args_is_help=True)

_Snapshots = Annotated[
    list[Path],
    typer.Argument(
        help="One .npy, .npz, .h5 or .csv file with a solution in each row, or of shape (M, times, n); or for each "
        "solution a mesh with a field on its points (.vtu, .vtk, .msh, ...)."
    ),
]
_Field = Annotated[str | None, typer.Option(help="Which array or field, when a file has several.")]
_Weight = Annotated[
    str | None,
    typer.Option(help="Inner product: mass (of the mesh), a .npy of entries, or a .npz of a sparse matrix."),
]
_VTU = Annotated[Path | None, typer.Option(help="Write the modes as fields on the mesh to this .vtu file.")]


@app.callback()
def _rom() -> None:
    """Reduced bases and models, and random boundary conditions of submodels."""


@app.command()
def pod(
    snapshots: _Snapshots,
    field: _Field = None,
    weight: _Weight = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Modes to keep.")] = None,
    tol: Annotated[float | None, typer.Option(help="Keep the fewest modes with at most this relative error.")] = None,
    factorisation: Annotated[str, typer.Option(help="svd, snapshots or randomised.")] = "svd",
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npz file to write the modes to.")] = Path("pod.npz"),
    vtu: _VTU = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """The proper orthogonal decomposition: modes in rows, and singular values. Trajectories are joined."""
    import jax
    import numpy as np

    from perturbax import rom
    from perturbax.core import enable_compilation_cache, write_atomic

    from ._console import note, print_json
    from ._solutions import check_vtu, load_solutions, load_weight, write_modes

    kinds = {"svd": rom.OrthogonalSVD(), "snapshots": rom.MethodOfSnapshots(), "randomised": rom.RandomizedSVD()}
    kind = kinds[choose("--factorisation", factorisation, kinds)]
    check_writable("--out", out)
    check_vtu("--vtu", vtu, snapshots)
    loaded = load_solutions("SNAPSHOTS", snapshots, field)
    inner = load_weight("--weight", weight, loaded)
    enable_compilation_cache()
    rows = loaded.fields.reshape(-1, loaded.fields.shape[-1])
    found = rom.pod(rows, weight=inner, rank=rank, tol=tol, factorisation=kind, key=jax.random.key(seed))
    arrays = {"modes": found.modes, "singular_values": found.singular_values}
    write_atomic(out, lambda file: np.savez(file, allow_pickle=False, **arrays))
    if vtu is not None:
        write_modes(vtu, loaded.mesh, {f"mode_{j}": mode for j, mode in enumerate(found.modes)})
    facts = {"snapshots": len(rows), "values": rows.shape[1], "modes": len(found.modes), "error": found.error}
    if as_json:
        print_json({"out": str(out), **facts, "singular_values": found.singular_values.tolist()})
        return
    note(f"{facts['modes']} modes of {facts['snapshots']} snapshots leave a relative error of {found.error:.3g}")
    print(out)


@app.command()
def cluster(
    snapshots: _Snapshots,
    field: _Field = None,
    params: Annotated[
        Path | None, typer.Option(help="A .csv or .npy file with the parameters of each solution; for parameters.")
    ] = None,
    weight: _Weight = None,
    clusters: Annotated[
        str, typer.Option("--clusters", "-K", help="How many clusters: 5, or 2:16 to choose by the gain.")
    ] = "2:16",
    modes: Annotated[int, typer.Option("--modes", "-N", min=1, help="Modes of each basis at most.")] = 8,
    tol: Annotated[float | None, typer.Option(help="The fewest modes with at most this relative error.")] = None,
    method: Annotated[str, typer.Option(help="sine, euclid, means, pebl, parameters or random.")] = "sine",
    angle_modes: Annotated[int, typer.Option(min=1, help="POD modes of a trajectory that angles are between.")] = 5,
    overlap: Annotated[float, typer.Option(help="Neighbours that a basis sees too, as a share of its cluster.")] = 0.0,
    center: Annotated[bool, typer.Option("--center", help="Subtract the mean solution first.")] = False,
    accuracy: Annotated[float, typer.Option(help="Of the classifier that will choose the basis.")] = 1.0,
    smallest: Annotated[
        int | None, typer.Option(min=1, help="Solutions of the smallest cluster at least; as many as modes by default.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="The gain below which one basis for all is recommended.")] = 0.2,
    holdout: Annotated[float, typer.Option(help="Share of the solutions that errors are measured on.")] = 0.2,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .npz file to write the bases to.")] = Path("bases.npz"),
    vtu: _VTU = None,
    picture: Annotated[Path | None, typer.Option(help="A .png file for gains and errors.")] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Are local bases worth it, and with how many clusters? Answers, and writes a basis for each cluster.

    Errors are those of solutions that were held out; the bases that are written are then made of all of them.
    """
    import jax

    from perturbax import rom
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json
    from ._local_bases import draw, held_out_errors, method_of, parse_counts, tell
    from ._solutions import check_vtu, load_params, load_solutions, load_weight, write_modes

    counts = parse_counts("--clusters", clusters)
    if not 0.0 <= holdout < 1.0:
        raise ValueError(f"--holdout must be a share in [0, 1), got {holdout:g}")
    check_writable("--out", out)
    check_vtu("--vtu", vtu, snapshots)
    if picture is not None:
        check_writable("--picture", picture)
    maker = method_of(method, angle_modes)
    loaded = load_solutions("SNAPSHOTS", snapshots, field)
    inner = load_weight("--weight", weight, loaded)
    table = None if params is None else load_params("--params", params)
    enable_compilation_cache()
    problem = rom.SnapshotSet(loaded.fields, params=table, weight=inner)
    problem = problem.centred() if center else problem
    if max(counts) >= problem.count:
        raise ValueError(f"--clusters must be below the number of solutions, {problem.count}, got {clusters}")
    bases = rom.LocalBases(modes=modes, tolerance=tol, overlap=overlap)
    gain_key, split_key, key = jax.random.split(jax.random.key(seed), 3)
    d = rom.dissimilarity(problem, rom.Chordal(angle_modes))
    judged = rom.efficiency(d, counts, key=gain_key, accuracy=accuracy, smallest=smallest or modes, threshold=threshold)
    number = counts[0] if len(counts) == 1 else judged.recommended
    chosen = rom.GlobalPOD() if number is None else maker(number)
    errors = held_out_errors(problem, chosen, bases, holdout, split_key, key)
    solved = rom.cluster(problem, chosen, key=key, bases=bases)
    solved.save(out)
    if vtu is not None:
        named = {f"cluster_{k}_mode_{j}": m for k, b in enumerate(solved.bases) for j, m in enumerate(b.modes)}
        write_modes(vtu, loaded.mesh, named)
    if picture is not None:
        draw(picture, judged, errors)
    facts: dict[str, Any] = {
        "solutions": problem.count,
        "method": type(chosen).__name__,
        "clusters": len(solved.bases),
        "recommended": judged.recommended,
        "sizes": solved.stats["sizes"],
        "reduced": solved.stats["reduced"],
        "efficiency": judged.table().to_dict("records"),
        "held_out": errors.summary(),
    }
    if as_json:
        print_json({"out": str(out), **facts})
        return
    tell(judged, errors, facts)
    if solved.stats["reduced"]:
        note(f"fewer than {modes} modes in clusters {', '.join(map(str, solved.stats['reduced']))}: too few solutions")
    print(out)


@app.command()
def run(
    case: Annotated[Path, typer.Argument(help="A .toml file: mesh, material, supports, loads; see the docs of rom.")],
    temperature: Annotated[
        Path, typer.Argument(help="The temperature of the nodes: a mesh with a field, or an array of shape (1, n).")
    ],
    train: Annotated[
        list[Path] | None,
        typer.Option(help="Temperatures to train with: an array with one in each row, or meshes; repeat it."),
    ] = None,
    field: _Field = None,
    method: Annotated[str, typer.Option(help="adaptive, ecm, galerkin or full.")] = "adaptive",
    tol: Annotated[
        float, typer.Option(help="Estimated error of the plasticity above which a full step is made.")
    ] = 0.1,
    eps_ecm: Annotated[float, typer.Option(help="Relative error of the reduced quadrature.")] = 1e-3,
    max_full_share: Annotated[float, typer.Option(help="Share of the steps that may be full ones.")] = 0.5,
    out: Annotated[Path, typer.Option("--out", "-o", help="The .vtu file for the fields at the end.")] = Path(
        "rom.vtu"
    ),
    save: Annotated[
        Path | None, typer.Option(help="Write the reduced model, as it is at the end, to this .npz.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """The slow deformation of a hot part at a new temperature, by a reduced model that says when it is not sure.

    Where its estimate is above the tolerance, single steps are solved by finite elements and learned from.
    """
    import jax

    from perturbax import interop, rom
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json
    from ._solutions import load_solutions
    from ._viscoplastic_case import load_case

    kinds = {
        "adaptive": lambda: rom.AdaptivePODECM(tol=tol, eps_ecm=eps_ecm, max_full_share=max_full_share),
        "ecm": lambda: rom.PODECM(eps_ecm=eps_ecm),
        "galerkin": rom.PODGalerkin,
        "full": rom.FullOrder,
    }
    name = choose("--method", method, kinds)
    chosen = kinds[name]()
    check_writable("--out", out)
    if out.suffix != ".vtu":
        raise ValueError(f"--out {out} must end with .vtu")
    if save is not None:
        check_writable("--save", save)
        if name == "full":
            raise ValueError("--save has no meaning for --method full")
    if name != "full" and not train:
        raise ValueError(f"--train is needed by --method {name}: temperatures whose histories are solved first")
    loaded = load_case(case)
    fields = load_solutions("TEMPERATURE", [temperature], field).fields
    if len(fields) != 1 or fields.ndim != 2:
        raise ValueError(f"TEMPERATURE: {temperature} must hold one field, got shape {fields.shape}")
    problem = loaded.problem(fields[0])
    key = jax.random.key(seed)
    enable_compilation_cache()
    model: Any = chosen
    if isinstance(chosen, rom.AbstractReduction):
        known = load_solutions("--train", train or [], field).fields
        training = rom.Training([loaded.problem(each) for each in known.reshape(-1, known.shape[-1])])
        model = rom.reduce(training, chosen, key=key)
    found = rom.simulate(problem, model, key=key)
    interop.write_mesh(out, found.mesh())
    if save is not None and found.model is not None:
        found.model.save(save)
    facts = {
        "out": str(out),
        "method": type(chosen).__name__,
        "steps": problem.steps,
        "full_steps": found.full_steps.tolist(),
        "trusted": found.trusted,
        "largest_plasticity": float(found.plasticity()[-1].max()),
        "indicator": found.indicator.tolist(),
        "error_estimate": found.error_estimate.tolist(),
        **{name: found.stats[name] for name in ("points", "modes") if name in found.stats},
    }
    if as_json:
        print_json(facts)
        return
    most = f"plasticity up to {facts['largest_plasticity']:.3g}"
    note(f"{len(found.full)} of {problem.steps} steps by the full model; {most}")
    if not found.trusted:
        note("not trusted: beyond --max-full-share steps are reduced although their estimate is above --tol")
    print(out)


app.command("boundary-train")(_boundary.boundary_train)
app.command("boundary-sample")(_boundary.boundary_sample)
