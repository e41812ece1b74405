"""What several files of tests of the package share."""

import jaxtyping
import pytest


@pytest.fixture
def without_type_checks():
    """So that the door itself is seen."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
