"""The papers that the methods of this package come from."""

from ..core import Paper

NEURAL_COLLAPSE = Paper(
    title="Perturbation Analysis of Neural Collapse",
    authors=("Tom Tirer", "Haoxiang Huang", "Jonathan Niles-Weed"),
    year=2023,
    arxiv="2210.16658",
    venue="ICML",
)

CENTRAL_PATH = Paper(
    title="Neural Collapse Under MSE Loss: Proximity to and Dynamics on the Central Path",
    authors=("X. Y. Han", "Vardan Papyan", "David L. Donoho"),
    year=2022,
    arxiv="2106.02073",
    venue="ICLR",
)

UNCONSTRAINED_FEATURES = Paper(
    title="Neural Collapse with Unconstrained Features",
    authors=("Dustin G. Mixon", "Hans Parshall", "Jianzong Pi"),
    year=2020,
    arxiv="2011.11619",
)

EXTENDED_UNCONSTRAINED_FEATURES = Paper(
    title="Extended Unconstrained Features Model for Exploring Deep Neural Collapse",
    authors=("Tom Tirer", "Joan Bruna"),
    year=2022,
    arxiv="2202.08087",
    venue="ICML",
)
