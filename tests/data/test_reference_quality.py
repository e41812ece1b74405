"""The reference models as users get them, from the user's own cache: apart from the tests with quick training."""

import pytest

from perturbax import data


@pytest.mark.slow
def test_reference_models_are_as_good_as_the_documentation_says():
    for name, accuracy in (("digits", 0.95), ("mnist", 0.93)):
        assert data.reference_model_card(f"{name}-classifier").test_accuracy > accuracy
    for name, loss in (("digits-denoiser", 0.42), ("digits-denoiser-unconditional", 0.47), ("mnist-denoiser", 0.6)):
        assert data.reference_model_card(name).loss < loss
