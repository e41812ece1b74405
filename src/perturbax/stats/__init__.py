"""Distributions whose answers are exact, and distances between samples with their sampling floors."""

from ._gaussian_mixture import GaussianMixture as GaussianMixture

__all__ = ["GaussianMixture"]
