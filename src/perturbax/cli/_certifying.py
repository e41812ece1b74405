"""`perturbax verify certify`: radii in which no change of an image changes the answer of a smoothed classifier."""

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options

_COLUMNS: tuple[str, ...] = ("image", "label", "radius", "p_lower", "draws", "run")

# The table is written after about so many draws.
_DRAWS = 2**20


def certify(
    classifier: Annotated[
        str,
        typer.Argument(help="An .onnx file with one input, or module:callable, called as classifier(images)."),
    ],
    images: Annotated[
        Path, typer.Argument(help="An .npz file with images of shape (n, ...), and labels (n,) if there are any.")
    ],
    sigma: Annotated[
        float, typer.Option(help="Standard deviation of the noise, in the unit of the images.", show_default=False)
    ],
    n: Annotated[int, typer.Option(min=1, help="Draws for an image; with --target the most.")] = 10_000,
    n0: Annotated[int, typer.Option(min=1, help="Draws that guess the class.")] = 100,
    alpha: Annotated[float, typer.Option(help="Probability that the radius of an image may be invalid with.")] = 0.001,
    target: Annotated[
        float | None,
        typer.Option(help="A radius that is wanted: draws stop when it is proved or out of reach.", show_default=False),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(help="Number of classes, for a classifier that returns labels.", show_default=False)
    ] = None,
    framework: options.Framework = "jax",
    batch: Annotated[int, typer.Option(min=1, help="Noisy images at a time.")] = 1024,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The table to write; a later run adds the images that are missing.")
    ] = Path("certificates.csv"),
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Certify images by randomized smoothing: a label for each, and the radius in which it cannot change.

    The .csv file has a row for each image: its label (-1 where nothing is proved), the radius in the Euclidean norm,
    the bound of the probability of the label, and the draws that it took.
    """
    import jax
    import numpy as np

    from perturbax import verify
    from perturbax.core import digest, enable_compilation_cache, progress

    from ._arrays import load_npz

    options.check_writable("--out", out)
    arrays = load_npz("IMAGES", images, ("images", "labels"))
    if "images" not in arrays:
        raise ValueError(f"IMAGES: {images} must have an array named images")
    x, labels = _settle(images, arrays["images"]), arrays.get("labels")
    if labels is not None and (labels.shape != x.shape[:1] or labels.dtype.kind not in "iu"):
        raise ValueError(f"IMAGES: labels of {images} must be {len(x)} integers, got {labels.dtype} of {labels.shape}")
    method: Any = verify.Smoothing(sigma, n0=n0, n=n, alpha=alpha, batch_size=batch)
    if target is not None:
        method = verify.AdaptiveSmoothing(sigma, target=target, n0=n0, n=n, alpha=alpha, batch_size=batch)
    enable_compilation_cache()
    function, identity = _classifier(classifier, framework, x.shape[1:])
    chosen = (sigma, n0, n, alpha, target, classes, seed)
    run = digest((identity, chosen, x))[:16]
    rows = _read_rows(out, run)
    known = {int(row["image"]) for row in rows}
    group = max(1, _DRAWS // n)
    with progress(len(x), "certifying") as bar:
        for first in range(0, len(x), group):
            part = range(first, min(first + group, len(x)))
            if not known.issuperset(part):
                rows = [row for row in rows if int(row["image"]) not in part]
                found = verify.certify(
                    function, x[part.start : part.stop], method, key=jax.random.key(seed), classes=classes, offset=first
                )
                columns = (part, found.label, found.radius, found.p_lower, found.draws)
                rows += [
                    dict(zip(_COLUMNS, (*map(str, values), run), strict=True)) for values in zip(*columns, strict=True)
                ]
                _write_rows(out, rows)
            bar.advance(len(part))
    rows.sort(key=lambda row: int(row["image"]))
    label, radius = np.array([int(row["label"]) for row in rows]), np.array([float(row["radius"]) for row in rows])
    _tell(out, label, radius, labels, as_json)


def _settle(path: Path, x: Any) -> Any:
    import numpy as np

    if x.dtype.kind != "f" or x.ndim < 2 or not x.size or not np.isfinite(x).all():
        got = f"{x.dtype} of shape {x.shape}"
        raise ValueError(f"IMAGES: images of {path} must be finite floating numbers of shape (n, ...), got {got}")
    return x.astype(np.float32)


def _classifier(name: str, framework: str, shape: tuple[int, ...]) -> tuple[Any, str]:
    """The function of a batch of images, and what says which one it is."""
    from perturbax import verify
    from perturbax.core import check_choice, digest

    check_choice("--framework", framework, ("jax", "numpy", "torch"))
    if Path(name).suffix.lower() == ".onnx":
        if framework != "jax":
            raise ValueError(f"--framework must be jax for an .onnx file, got {framework!r}")
        options.check_file("CLASSIFIER", Path(name))
        function = _from_onnx(name, shape)
        return function, digest(Path(name).read_bytes())
    import sys

    from ._callable import find_callable

    function = find_callable("CLASSIFIER", name, "classifier(images)")
    from ._model import source_digest

    identity = f"{name} {source_digest(sys.modules[name.partition(':')[0]])}"
    if framework == "torch":
        return verify.HostClassifier(_Torch(function)), identity
    return (verify.HostClassifier(function) if framework == "numpy" else function), identity


def _from_onnx(name: str, shape: tuple[int, ...]) -> Any:
    import jax

    from perturbax.interop import read_onnx

    function, params = read_onnx(name)
    if len(function.inputs) != 1 or len(function.outputs) != 1:
        raise ValueError(f"CLASSIFIER: {name} must have one input and one output")
    wanted = function.inputs[0].shape
    if wanted is not None and not (
        len(wanted) == len(shape) + 1
        and all(size in (None, 0, given) for size, given in zip(wanted[1:], shape, strict=True))
    ):
        raise ValueError(f"CLASSIFIER: {name} takes an input of shape {wanted}, and an image has shape {shape}")
    batched = jax.tree_util.Partial(function, params)
    if wanted is None or wanted[0] in (None, 0):
        return batched
    if wanted[0] != 1:
        raise ValueError(f"CLASSIFIER: {name} takes batches of {wanted[0]} images; it must take any number, or one")
    return jax.tree_util.Partial(_one_by_one, batched)


def _one_by_one(function: Any, x: Any) -> Any:
    """A network of a single image on a batch."""
    import jax

    return jax.vmap(lambda image: function(image[None])[0])(x)


class _Torch:
    """A function of torch tensors as one of arrays."""

    def __init__(self, function: Any):
        self._function = function

    def __call__(self, x: Any) -> Any:
        import torch

        with torch.no_grad():
            return self._function(torch.from_numpy(x.copy())).numpy()


def _read_rows(out: Path, run: str) -> list[dict[str, str]]:
    if not out.exists():
        return []
    with open(out, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        rows = list(table)
        if tuple(table.fieldnames or ()) != _COLUMNS:
            raise ValueError(f"--out {out} is no table of certificates; remove it or name another")
    if any(row["run"] != run for row in rows):
        raise ValueError(
            f"--out {out} is of other images, another classifier or other options; remove it or name another"
        )
    return rows


def _write_rows(out: Path, rows: list[dict[str, str]]) -> None:
    from perturbax.core import write_atomic

    buffer = io.StringIO()
    table = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_atomic(out, buffer.getvalue().encode())


def _tell(out: Path, label: Any, radius: Any, labels: Any, as_json: bool) -> None:
    import numpy as np

    from ._console import note, print_json

    facts: dict[str, Any] = {"images": len(label), "abstained": int((label < 0).sum())}
    proved = label >= 0
    facts["median_radius"] = float(np.median(radius[proved])) if proved.any() else None
    if labels is not None:
        right = label == labels
        facts["certified_accuracy"] = float(right.mean())
        facts["average_certified_radius"] = float(np.where(right, radius, 0.0).mean())
    if as_json:
        print_json({"out": str(out), **facts})
        return
    told = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in facts.items() if value is not None)
    note(told)
    print(out)
