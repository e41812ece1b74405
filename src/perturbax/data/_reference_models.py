"""The table of reference models that the command builds."""

import functools
from collections.abc import Callable

from ..core import check_choice
from ._classifiers import classifier_card
from ._denoisers import digits_card, mnist_card
from ._reference import ModelCard

_MODELS: dict[str, Callable[[bool], ModelCard]] = {
    "digits-denoiser": functools.partial(digits_card, True),
    "digits-denoiser-unconditional": functools.partial(digits_card, False),
    "digits-classifier": functools.partial(classifier_card, "digits"),
    "mnist-denoiser": mnist_card,
    "mnist-classifier": functools.partial(classifier_card, "mnist"),
}


def reference_models() -> tuple[str, ...]:
    """Names of the reference models.

    >>> reference_models()[0]
    'digits-denoiser'
    """
    return tuple(_MODELS)


def reference_model_card(name: str, *, retrain: bool = False) -> ModelCard:
    """The card of a reference model, which is trained when it is not in the cache.

    **Arguments:** `name`: one of `reference_models()`; `retrain`: train it again.

    **Returns:** a `ModelCard`.

    **Raises:** `ValueError` for another name; as the loader of its data set.
    """
    return _MODELS[check_choice("name", name, reference_models())](retrain)
