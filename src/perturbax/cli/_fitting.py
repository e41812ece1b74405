"""`perturbax diffusion fit`: train a denoiser on pictures of the user's, for `sample --model FOLDER`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._options import choose


def fit(
    data: Annotated[
        Path, typer.Option(help="An .npz file with `images` (or `x`) of shape (n, ...) and, optionally, `labels`.")
    ],
    method: Annotated[str, typer.Option(help="pfgmpp, or denoising-score-matching, which is EDM.")] = "pfgmpp",
    dimensions: Annotated[
        float, typer.Option("--D", help="Extra dimensions of pfgmpp; inf is EDM. Small ones are more robust.")
    ] = 128.0,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("model"),
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 5000,
    batch: Annotated[int, typer.Option(min=1, help="Samples of a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="At the beginning; it falls to 0 as a cosine.")] = 1e-3,
    ema: Annotated[float, typer.Option(min=0.0, max=1.0, help="Decay of the averaged weights.")] = 0.995,
    width: Annotated[int, typer.Option(min=1, help="Width of the network, a residual MLP.")] = 256,
    blocks: Annotated[int, typer.Option(min=1, help="Residual blocks of the network.")] = 3,
    log_sigma_mean: Annotated[float, typer.Option(help="Mean of the log noise level.")] = -1.2,
    log_sigma_std: Annotated[float, typer.Option(help="Standard deviation of the log noise level.")] = 1.2,
    stable_target: Annotated[
        int | None, typer.Option(min=1, help="Average targets over a reference batch so many times larger.")
    ] = None,
    seed: options.Seed = 0,
    resume: Annotated[bool, typer.Option("--resume/--restart", help="Go on with what the folder holds.")] = True,
    as_json: options.Json = False,
) -> None:
    """Train a denoiser on pictures or rows and write it to a folder.

    An interrupted run keeps a checkpoint in the folder, and the same line goes on from it. Draw from the result with
    `perturbax diffusion sample --model FOLDER --method heun --nfe 35 --png samples.png`.
    """
    import jax
    import optax

    from perturbax import diffusion, nn
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json

    levels: dict[str, Any] = {
        "log_sigma_mean": log_sigma_mean, "log_sigma_std": log_sigma_std, "stable_target": stable_target,
    }  # fmt: skip
    chosen = choose("--method", method, ("pfgmpp", "denoising-score-matching"))
    trained: diffusion.AbstractDenoisingMethod = (
        diffusion.PFGMPP(dimensions, **levels) if chosen == "pfgmpp" else diffusion.DenoisingScoreMatching(**levels)
    )
    if not learning_rate > 0.0:
        raise ValueError(f"--learning-rate must be positive, got {learning_rate}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; it must be a folder")
    pictures, labels = _load(data)
    if batch > len(pictures):
        raise ValueError(f"--batch must be at most the {len(pictures)} samples of --data, got {batch}")
    enable_compilation_cache()
    classes = 0 if labels is None else int(labels.max()) + 1
    network_key, key = jax.random.split(jax.random.key(seed))
    size = pictures[0].size
    network = nn.ResidualMLP(size, width=width, blocks=blocks, classes=classes, key=network_key)
    out.mkdir(parents=True, exist_ok=True)
    done = diffusion.fit(
        diffusion.DenoisingProblem(pictures, network, labels),
        trained,
        key=key,
        steps=steps,
        batch_size=batch,
        # The clipping is for small batches, whose rare large losses would throw the network off.
        optimizer=optax.chain(
            optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(learning_rate, steps))
        ),
        ema=ema,
        checkpoint=out / "checkpoint.npz",
        resume=resume,
    )
    diffusion.save_denoiser(out, done.ema_model, pictures.shape[1:], trained.trained_process.degrees)
    loss = float(done.losses[-max(steps // 10, 1) :].mean())
    if as_json:
        report = {"out": str(out), "method": chosen, "steps": steps, "loss": loss, "classes": classes}
        print_json({**report, "D": trained.trained_process.degrees, "seconds": round(done.stats["seconds"], 3)})
        return
    note(f"{steps} steps on {len(pictures)} samples of shape {pictures.shape[1:]}, loss {loss:.4g}")
    print(out)


def _load(path: Path) -> tuple[Any, Any]:
    """The samples and labels of an .npz file."""
    from ._arrays import load_npz

    arrays = load_npz("--data", path, ("images", "x", "labels"))
    pictures = arrays.get("images", arrays.get("x"))
    if pictures is None or pictures.ndim < 2 or pictures.dtype.kind not in "fiu":
        raise ValueError(f"--data: {path} must hold numbers of shape (n, ...) under the name images or x")
    if pictures.dtype.kind != "f":
        raise ValueError(f"--data: images in {path} must be floating, from -1 to 1, got dtype {pictures.dtype}")
    return pictures, arrays.get("labels")
