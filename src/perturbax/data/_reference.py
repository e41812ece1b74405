"""Training a reference model once, and finding it again in the cache by the content of all that it depends on."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..core import cached, fit


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a reference model is trained; with the data, everything that its parameters depend on.

    **Arguments:** `steps`, `batch_size`, `learning_rate` (peak of a cosine that falls to 0), `weight_decay`, `ema`;
    `seed`: of weights, batches and noise; `sizes`: of the network; `version`: raised by hand when the code of a network
    or loss changes the result, since the cache does not see code.
    """

    steps: int
    batch_size: int
    learning_rate: float
    ema: float
    sizes: tuple[int, ...]
    weight_decay: float = 0.0
    seed: int = 0
    version: int = 1


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What is known of a trained reference model.

    **Arguments:** `name`; `data`: name of its data set; `train`, `test`: how many items it was trained on, and how many
    were kept from it; `parameters`: how many were trained; `steps` and `seconds` of training; `loss`: of training, the
    mean over the last tenth of the steps; `test_accuracy`: of a classifier, else `None`.
    """

    name: str
    data: str
    train: int
    test: int
    parameters: int
    steps: int
    seconds: float
    loss: float
    test_accuracy: float | None


def trained(
    name: str,
    recipe: Recipe,
    make_model: Callable[[], Any],
    loss: Callable[..., Any],
    examples: tuple[np.ndarray, ...],
    *,
    frozen: Callable[[Any], Any] | None = None,
    measure: Callable[[Any], dict[str, float]] = lambda model: {},
    content: Any = None,
    retrain: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """The averaged model of one run of `core.fit`, from the cache when it was trained before.

    **Arguments:** `make_model`: the untrained model; `loss`, `examples`: as for `core.fit`; `frozen`: picks the part of
    the model that is not trained; `measure`: numbers about the trained model to keep with it; `content`: what the cache
    knows the examples by, when they are computed and could differ in their last bits; `retrain`: train again.

    **Returns:** the model, and `"steps"`, `"seconds"`, `"loss"`, `"parameters"` and what `measure` gave.
    """

    def build() -> dict[str, Any]:
        model = eqx.filter_jit(make_model)()
        spec = jax.tree.map(eqx.is_inexact_array, model)
        if frozen is not None:
            spec = eqx.tree_at(frozen, spec, False)
        schedule = optax.cosine_decay_schedule(recipe.learning_rate, recipe.steps)
        done = fit(
            loss,
            model,
            examples,
            steps=recipe.steps,
            batch_size=recipe.batch_size,
            optimizer=optax.adamw(schedule, weight_decay=recipe.weight_decay),
            key=jax.random.key(recipe.seed + 1),
            ema=recipe.ema,
            filter_spec=spec,
            devices=jax.local_devices()[:1],  # the same parameters whatever the machine has
        )
        trained_leaves = [np.asarray(leaf) if eqx.is_array(leaf) else leaf for leaf in jax.tree.leaves(done.ema_model)]
        return {
            "leaves": trained_leaves,
            "parameters": sum(int(leaf.size) for leaf in jax.tree.leaves(eqx.filter(model, spec))),
            "steps": recipe.steps,
            "seconds": float(done.stats["seconds"]),
            "loss": float(np.mean(done.losses[-max(recipe.steps // 10, 1) :])),
            **measure(done.ema_model),
        }

    inputs = (name, recipe, examples if content is None else content)
    facts = cached("reference-models", inputs, build, refresh=retrain)
    structure = jax.tree.structure(eqx.filter_eval_shape(make_model))
    leaves = [jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in facts.pop("leaves")]
    return jax.tree.unflatten(structure, leaves), facts
