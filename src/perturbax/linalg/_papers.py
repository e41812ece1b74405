"""The papers that the methods of this package come from."""

from ..core import Paper

DCDM = Paper(
    title="A Deep Conjugate Direction Method for Iteratively Solving Linear Systems",
    authors=("Ayano Kaneda", "Osman Akar", "Jingyu Chen", "Victoria Kala", "David Hyde", "Joseph Teran"),
    year=2023,
    arxiv="2205.10763",
    venue="ICML",
)

CG = Paper(
    title="Methods of Conjugate Gradients for Solving Linear Systems",
    authors=("Magnus R. Hestenes", "Eduard Stiefel"),
    year=1952,
    doi="10.6028/jres.049.044",
)

PCG = Paper(
    title="An Iterative Solution Method for Linear Systems of Which the Coefficient Matrix is a Symmetric M-Matrix",
    authors=("J. A. Meijerink", "H. A. van der Vorst"),
    year=1977,
    doi="10.1090/S0025-5718-1977-0438681-4",
)

DEFLATED_CG = Paper(
    title="A Deflated Version of the Conjugate Gradient Algorithm",
    authors=("Yousef Saad", "Manshung Yeung", "Jocelyne Erhel", "Frédéric Guyomarc'h"),
    year=2000,
    doi="10.1137/S1064829598339761",
)

FLEXIBLE_CG = Paper(
    title="Flexible Conjugate Gradients",
    authors=("Yvan Notay",),
    year=2000,
    doi="10.1137/S1064827599362314",
)

SOR = Paper(
    title="Iterative Methods for Solving Partial Difference Equations of Elliptic Type",
    authors=("David M. Young",),
    year=1954,
    doi="10.1090/S0002-9947-1954-0059635-7",
)

HUTCHINSON = Paper(
    title="A Stochastic Estimator of the Trace of the Influence Matrix for Laplacian Smoothing Splines",
    authors=("Michael F. Hutchinson",),
    year=1990,
    doi="10.1080/03610919008812866",
)

HUTCH_PP = Paper(
    title="Hutch++: Optimal Stochastic Trace Estimation",
    authors=("Raphael A. Meyer", "Cameron Musco", "Christopher Musco", "David P. Woodruff"),
    year=2021,
    arxiv="2010.09649",
    venue="SOSA",
)

LANCZOS = Paper(
    title=(
        "An Iteration Method for the Solution of the Eigenvalue Problem of Linear Differential and Integral Operators"
    ),
    authors=("Cornelius Lanczos",),
    year=1950,
    doi="10.6028/jres.045.026",
)

LANCZOS_QUADRATURE = Paper(
    title="Fast Estimation of tr(f(A)) via Stochastic Lanczos Quadrature",
    authors=("Shashanka Ubaru", "Jie Chen", "Yousef Saad"),
    year=2017,
    doi="10.1137/16M1104974",
)

RANDOMIZED_SVD = Paper(
    title=(
        "Finding Structure with Randomness: Probabilistic Algorithms for Constructing Approximate Matrix Decompositions"
    ),
    authors=("Nathan Halko", "Per-Gunnar Martinsson", "Joel A. Tropp"),
    year=2011,
    arxiv="0909.4061",
)

QR_ALGORITHM = Paper(
    title="The QR Transformation: A Unitary Analogue to the LR Transformation",
    authors=("John G. F. Francis",),
    year=1961,
    doi="10.1093/comjnl/4.3.265",
)

PTD = Paper(
    title="Robustifying State-space Models for Long Sequences via Approximate Diagonalization",
    authors=("Annan Yu", "Arnur Nigmetov", "Dmitriy Morozov", "Michael W. Mahoney", "N. Benjamin Erichson"),
    year=2023,
    arxiv="2310.01698",
)

DAVIES_CONJECTURE = Paper(
    title="Gaussian Regularization of the Pseudospectrum and Davies' Conjecture",
    authors=("Jess Banks", "Archit Kulkarni", "Satyaki Mukherjee", "Nikhil Srivastava"),
    year=2019,
    arxiv="1906.11819",
)
