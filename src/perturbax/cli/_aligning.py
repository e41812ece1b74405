"""`perturbax diffusion align`: fine-tune a model on preference pairs of the user's."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import choose

if TYPE_CHECKING:
    from perturbax import diffusion

    from ._model import Model

_METHODS = ("dcpo", "diffusion-dpo", "ipo", "mapo", "sft")
_CAPTIONS = ("prompts", "captioned", "perturbed", "hybrid")


def align(
    pairs: Annotated[
        Path, typer.Option(help="A .jsonl file: image_w, image_l, and prompt, caption_w, caption_l, on each line.")
    ],
    model: Annotated[
        str | None, typer.Option(help="module:callable, an Equinox module; a folder of `diffusion fit`; or digits.")
    ] = None,
    method: Annotated[str, typer.Option(help="dcpo, diffusion-dpo, ipo, mapo or sft.")] = "dcpo",
    captions: Annotated[
        str | None,
        typer.Option(help="Captions of the images: prompts, captioned, perturbed or hybrid (the default of dcpo)."),
    ] = None,
    perturbation: Annotated[
        str, typer.Option("--perturb", help="word-drop:S, word-swap:S, synonyms:S, or redraw:S for class labels.")
    ] = "word-drop:0.5",
    synonyms: Annotated[Path | None, typer.Option(help="A .json table of words to lists of words.")] = None,
    captioner: Annotated[
        str | None, typer.Option(help="module:callable, called as captioner(images, prompts).", show_default=False)
    ] = None,
    encode: Annotated[
        str | None, typer.Option(help="module:callable, from a list of texts to conditions.", show_default=False)
    ] = None,
    beta: Annotated[float | None, typer.Option(help="Pull to the reference; the method's own by default.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("adapter"),
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 2000,
    batch: Annotated[int, typer.Option(min=1, help="Pairs of a step.")] = 64,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches whose gradients are averaged for an update.")] = 1,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW.")] = 1e-5,
    warm_up: Annotated[int, typer.Option(min=0, help="Updates over which the learning rate rises.")] = 0,
    train: Annotated[
        str | None, typer.Option(help="Train only arrays whose path in the model this regular expression finds.")
    ] = None,
    cached_draws: Annotated[
        int | None, typer.Option(min=1, help="Fixed times and noises per pair, to evaluate the reference once.")
    ] = None,
    winner_limit: Annotated[
        float, typer.Option(help="End when the winners' error is so many times the reference's.")
    ] = 2.0,
    levels: Annotated[
        str | None, typer.Option(help="uniform or log-normal, which is EDM's; the latter for VE, EDM and PFGM++.")
    ] = None,
    process: options.Process = None,
    process_option: options.ProcessOption = None,
    prediction: options.Prediction = None,
    shape: options.Shape = None,
    seed: options.Seed = 0,
    resume: Annotated[bool, typer.Option("--resume/--restart", help="Go on with what the folder holds.")] = True,
    as_json: options.Json = False,
) -> None:
    """Fine-tune a diffusion model on preference pairs, and write what was trained to a folder.

    A denoiser of `diffusion fit` is written whole, for `perturbax diffusion sample --model OUT`; of other models the
    trained arrays, for `diffusion.load_adapter`. An interrupted run keeps a checkpoint in the folder.
    """
    import jax
    import numpy as np
    import optax

    from perturbax import diffusion, nn
    from perturbax.core import Result, enable_compilation_cache

    from ._callable import find_callable
    from ._model import find_model
    from ._pairs import load_pairs
    from ._task import parse_shape

    if model is None:
        raise ValueError("--model is needed: module:callable, a folder of `perturbax diffusion fit`, or digits")
    if not learning_rate > 0.0:
        raise ValueError(f"--learning-rate must be positive, got {learning_rate}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; it must be a folder")
    encoder = None if encode is None else find_callable("--encode", encode, "encode(texts)")
    found = find_model(model)
    told = load_pairs(pairs, found.shape if shape is None else parse_shape(shape))
    if batch > told.count:
        raise ValueError(f"--batch must be at most the {told.count} pairs of --pairs, got {batch}")
    aligned_by = _method(method, captions, perturbation, synonyms, captioner, beta, found)
    _check_labels(told, found)
    enable_compilation_cache()
    problem = _problem(found, told, process, process_option or [], prediction, levels, encoder)
    schedule = optax.linear_schedule(0.0, learning_rate, warm_up) if warm_up else learning_rate
    optimizer: Any = optax.adamw(schedule)
    if accumulate > 1:
        optimizer = optax.MultiSteps(optimizer, accumulate).gradient_transformation()
    spec = None if train is None else _chosen(problem.model, train)
    out.mkdir(parents=True, exist_ok=True)
    done = diffusion.align(
        problem,
        aligned_by,
        key=jax.random.key(seed),
        steps=steps,
        batch_size=batch,
        optimizer=optimizer,
        cached_draws=cached_draws,
        winner_limit=winner_limit,
        filter_spec=spec,
        checkpoint=out / "checkpoint.npz",
        resume=resume,
    )
    if isinstance(found.call, nn.EDMPreconditioned):
        diffusion.save_denoiser(out, done.model.denoiser, told.winner.shape[1:], problem.process.degrees)
    else:
        diffusion.save_adapter(out, done.model, spec)
    late = slice(-max(done.stats["steps"] // 10, 1), None)
    facts: dict[str, Any] = {"loss": float(done.losses[late].mean())}
    if done.implicit_accuracy is not None:
        facts["implicit_accuracy"] = float(done.implicit_accuracy[late].mean())
        facts["winner_error"] = float(np.mean(done.errors.winner[late]) / np.mean(done.errors.reference_winner[late]))
    _tell(out, method, facts, done.stats, bool(done.result == Result.diverged), as_json)


def _method(
    method: str,
    captions: str | None,
    perturbation: str,
    synonyms: Path | None,
    captioner: str | None,
    beta: float | None,
    found: "Model",
) -> "diffusion.AbstractAlignmentMethod":
    from perturbax import diffusion

    from ._callable import find_callable

    name = choose("--method", method, _METHODS)
    route = choose("--captions", captions or ("hybrid" if name == "dcpo" else "prompts"), _CAPTIONS)
    if name == "diffusion-dpo" and route != "prompts":
        raise ValueError("--captions must be prompts for --method diffusion-dpo; with others it is dcpo")
    if name == "sft" and beta is not None:
        raise ValueError("--beta has no meaning for --method sft")
    told = None if captioner is None else find_callable("--captioner", captioner, "captioner(images, prompts)")
    routes: dict[str, Any] = {
        "prompts": diffusion.Prompts,
        "captioned": lambda: diffusion.Captioned(told),
        "perturbed": lambda: diffusion.Perturbed(_perturbation(perturbation, synonyms, found)),
        "hybrid": lambda: diffusion.Hybrid(_perturbation(perturbation, synonyms, found), told),
    }
    classes: dict[str, Any] = {
        "dcpo": diffusion.DCPO,
        "diffusion-dpo": diffusion.DiffusionDPO,
        "ipo": diffusion.IPO,
        "mapo": diffusion.MaPO,
        "sft": diffusion.SFT,
    }
    settings = {} if name == "diffusion-dpo" else {"captions": routes[route]()}
    return classes[name](**settings, **({} if beta is None else {"beta": beta}))


def _perturbation(text: str, synonyms: Path | None, found: "Model") -> Any:
    """The perturbation that `name:strength` stands for."""
    import json

    import jax

    from perturbax import perturb

    word, _, number = text.partition(":")
    name = choose("--perturb", word, ("word-drop", "word-swap", "synonyms", "redraw"))
    try:
        strength = float(number)
    except ValueError:
        raise ValueError(f"--perturb must be written as {name}:STRENGTH, such as {name}:0.5, got {text!r}") from None
    if name == "redraw":
        classes = found.classes
        if not classes:
            raise ValueError("--perturb redraw is for models whose conditions are class labels")
        redraw = perturb.RedrawAttributes(strength, (classes,))
        return lambda labels, key: redraw(jax.nn.one_hot(labels, classes), key=key).argmax(-1)
    if name == "word-drop":
        return perturb.WordDrop(strength)
    if name == "word-swap":
        return perturb.WordSwap(strength)
    if synonyms is None or not synonyms.is_file():
        raise ValueError(f"--perturb synonyms needs --synonyms TABLE.json, a file that is there, got {synonyms}")
    try:
        return perturb.Synonyms(strength, json.loads(synonyms.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"--synonyms {synonyms} holds no table of words to lists of words: {error}") from None


def _check_labels(pairs: "diffusion.PreferencePairs", found: "Model") -> None:
    import numpy as np

    if not found.classes:
        return
    for name in ("prompt", "winner_caption", "loser_caption"):
        labels = getattr(pairs, name)
        if labels is None:
            continue
        labels = np.asarray(labels)
        if labels.ndim != 1 or labels.dtype.kind != "i" or labels.min() < 0 or labels.max() >= found.classes:
            raise ValueError(f"--pairs: {name} must be labels 0 to {found.classes - 1} for this model")


def _problem(
    found: "Model",
    pairs: "diffusion.PreferencePairs",
    process: str | None,
    process_option: list[str],
    prediction: str | None,
    levels: str | None,
    encode: Any,
) -> "diffusion.AlignmentProblem":
    from perturbax import diffusion, nn

    from ._choices import predictions
    from ._task import settle_process

    settled = settle_process(process or found.process, [*found.process_options, *process_option])
    told = choose("--prediction", prediction or found.prediction or "epsilon", predictions())
    if found.prediction not in (None, told):
        raise ValueError(f"--prediction must be {found.prediction} for this model, got {told!r}")
    exploding = isinstance(settled, diffusion.EDM | diffusion.VE | diffusion.PoissonFlow)
    where = choose("--levels", levels or ("log-normal" if exploding else "uniform"), ("uniform", "log-normal"))
    spread: Any = diffusion.UniformTimes()
    if where == "log-normal":
        own = found.call.sigma_data if isinstance(found.call, nn.EDMPreconditioned) else None
        spread = diffusion.LogNormalLevels() if own is None else diffusion.LogNormalLevels(sigma_data=float(own))
    model = found.call if found.classes is None else diffusion.FromDenoiser(found.call, settled)
    return diffusion.AlignmentProblem(model, settled, pairs, predictions()[told](), encode, spread)


def _chosen(model: Any, pattern: str) -> Any:
    """The arrays whose path a regular expression finds, as a filter."""
    import re

    import equinox as eqx
    import jax

    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"--train must be a regular expression, got {pattern!r}: {error}") from None

    def is_chosen(path: Any, leaf: Any) -> bool:
        return eqx.is_inexact_array(leaf) and wanted.search(jax.tree_util.keystr(path)) is not None

    spec = jax.tree_util.tree_map_with_path(is_chosen, model)
    if not any(jax.tree.leaves(spec)):
        paths = [jax.tree_util.keystr(path) for path, leaf in jax.tree.leaves_with_path(model) if eqx.is_array(leaf)]
        raise ValueError(f"--train {pattern} finds none of the arrays {', '.join(paths[:12])}")
    return spec


def _tell(out: Path, method: str, facts: dict[str, Any], stats: dict[str, Any], ended: bool, as_json: bool) -> None:
    from ._console import note, print_json

    counts = {name: int(stats[name]) for name in ("steps", "pairs", "dropped", "equal_captions", "evaluations")}
    if as_json:
        print_json({"out": str(out), "method": method, "ended_early": ended, **facts, **counts})
        return
    note(f"{method}: {counts['steps']} steps on {counts['pairs']} pairs, loss {facts['loss']:.4g}")
    if counts["dropped"]:
        note(f"{counts['dropped']} pairs of equal images were left out")
    if counts["equal_captions"] and counts["equal_captions"] < counts["pairs"]:
        note(f"{counts['equal_captions']} pairs have one caption for both images")
    if "implicit_accuracy" in facts:
        change = 100.0 * (facts["winner_error"] - 1.0)
        note(f"implicit accuracy {facts['implicit_accuracy']:.3f}; the winners' error changed by {change:+.1f} %")
    print(out)
