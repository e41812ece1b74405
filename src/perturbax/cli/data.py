"""`perturbax data`: the real data sets, and the reference models that are trained on them on this machine."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ._console import note, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="The real data sets and the reference models trained on them.")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_data(as_json: _Json = False) -> None:
    """The data sets with their cards, and the names of the reference models."""
    from perturbax import data

    loaders: dict[str, Callable[[], Any]] = {
        "digits": data.digits,
        "mnist": data.mnist,
        "fashion-mnist": data.fashion_mnist,
    }
    cards, absent = [], {}
    for name, load in loaders.items():
        try:
            cards.append(load().card)
        except (ModuleNotFoundError, FileNotFoundError) as error:
            absent[name] = str(error)
    if as_json:
        print_json(
            {
                "data": [dataclasses.asdict(card) for card in cards],
                "absent": absent,
                "models": list(data.reference_models()),
            }
        )
        return
    rows = [
        [card.name, f"{card.n:,}", " x ".join(map(str, card.shape)), card.source, card.licence, card.note]
        for card in cards
    ]
    columns = {"name": "left", "n": "right", "shape": "left", "source": "left", "licence": "left", "note": "fold"}
    print_table("Data sets", columns, rows)
    for name, reason in absent.items():
        note(f"{name} is not installed: {reason}")
    print(f"Reference models: {', '.join(data.reference_models())}")


@app.command()
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Reference models; all by default.")] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train even what is in the cache.")] = False,
    as_json: _Json = False,
) -> None:
    """Train the reference models that are not in the cache, and print how good all of them are.

    The Frechet distance (FD) is between samples of a denoiser and the test part of its data, in pixels and in the
    features of the classifier of that data; its floor is the same between training and test part.
    """
    from perturbax import core, data

    core.enable_compilation_cache()
    wanted = names or list(data.reference_models())
    for name in wanted:
        core.check_choice("name", name, data.reference_models())
    results = []
    for name in wanted:
        card = data.reference_model_card(name, retrain=retrain)
        results.append(dataclasses.asdict(card) | _quality(name, card.data))
    if as_json:
        print_json(results)
        return
    columns = {"model": "left", "train/test": "right", "parameters": "right", "steps": "right", "seconds": "right"}
    columns |= {"loss": "right", "accuracy": "right", "FD pixels (floor)": "right", "FD features (floor)": "right"}
    print_table("Reference models", columns, [_row(result) for result in results])


def _row(result: dict[str, Any]) -> list[str]:
    accuracy = result["test_accuracy"]
    row = [result["name"], f"{result['train']}/{result['test']}", f"{result['parameters']:,}", f"{result['steps']}"]
    row += [f"{result['seconds']:.1f}", f"{result['loss']:.3f}", "" if accuracy is None else f"{accuracy:.3f}"]
    for space in ("pixels", "features"):
        distance = result[f"fd_{space}"]
        row.append("" if distance is None else f"{distance:.3f} ({result[f'fd_{space}_floor']:.3f})")
    return row


def _quality(name: str, data_name: str) -> dict[str, float | None]:
    """Frechet distances of a denoiser's samples to the test part, and of the training part to the test part."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from perturbax import data, diffusion, stats

    denoisers: dict[str, Callable[[], Any]] = {
        "digits-denoiser": data.digits_denoiser,
        "digits-denoiser-unconditional": lambda: data.digits_denoiser(conditional=False),
        "mnist-denoiser": data.mnist_denoiser,
    }
    if name not in denoisers:
        return dict.fromkeys(("fd_pixels", "fd_pixels_floor", "fd_features", "fd_features_floor"))
    train, test = data.reference_split(data_name)
    problem = diffusion.Sampling(
        denoisers[name](),
        diffusion.EDM(),
        shape=(test.flat.shape[1],),
        prediction=diffusion.Data(),
        condition=None if name.endswith("unconditional") else jnp.asarray(test.labels),
    )
    key = jax.random.key(0)
    drawn = np.asarray(diffusion.sample(problem, diffusion.Heun(steps=59), key=key, num_samples=len(test)).x)
    # The same number of real pictures on both sides, since the distance falls with it.
    real = train.flat[np.asarray(jax.random.permutation(key, len(train)))[: len(test)]]
    classifier = data.digit_classifier(data_name)

    def features(x: Any) -> np.ndarray:
        return np.asarray(classifier.features(jnp.asarray(x)))

    return {
        "fd_pixels": stats.frechet_distance(drawn, test.flat),
        "fd_pixels_floor": stats.frechet_distance(real, test.flat),
        "fd_features": stats.frechet_distance(features(drawn), features(test.flat)),
        "fd_features_floor": stats.frechet_distance(features(real), features(test.flat)),
    }
