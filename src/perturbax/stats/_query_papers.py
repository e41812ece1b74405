"""The papers that the methods of `answer_queries` come from."""

from ..core import Paper

_REUSABLE = ("Cynthia Dwork", "Vitaly Feldman", "Moritz Hardt", "Toniann Pitassi", "Omer Reingold", "Aaron Roth")

VALIDITY = Paper(
    title="Preserving Statistical Validity in Adaptive Data Analysis",
    authors=_REUSABLE,
    year=2015,
    arxiv="1411.2664",
    venue="Symposium on Theory of Computing",
)

HOLDOUT_REUSE = Paper(
    title="Generalization in Adaptive Data Analysis and Holdout Reuse",
    authors=_REUSABLE,
    year=2015,
    arxiv="1506.02629",
    venue="Advances in Neural Information Processing Systems",
)

REUSABLE_HOLDOUT = Paper(
    title="The Reusable Holdout: Preserving Validity in Adaptive Data Analysis",
    authors=_REUSABLE,
    year=2015,
    venue="Science",
    doi="10.1126/science.aaa9375",
)

TRANSFER = Paper(
    title="A New Analysis of Differential Privacy's Generalization Guarantees",
    authors=(
        "Christopher Jung",
        "Katrina Ligett",
        "Seth Neel",
        "Aaron Roth",
        "Saeed Sharifi-Malvajerdi",
        "Moshe Shenfeld",
    ),
    year=2020,
    arxiv="1909.03577",
    venue="Innovations in Theoretical Computer Science",
)

CONCENTRATED = Paper(
    title="Concentrated Differential Privacy: Simplifications, Extensions, and Lower Bounds",
    authors=("Mark Bun", "Thomas Steinke"),
    year=2016,
    arxiv="1605.02065",
    venue="Theory of Cryptography Conference",
)

FOUNDATIONS = Paper(
    title="The Algorithmic Foundations of Differential Privacy",
    authors=("Cynthia Dwork", "Aaron Roth"),
    year=2014,
    doi="10.1561/0400000042",
)

MULTIPLICATIVE_WEIGHTS = Paper(
    title="A Multiplicative Weights Mechanism for Privacy-Preserving Data Analysis",
    authors=("Moritz Hardt", "Guy Rothblum"),
    year=2010,
    venue="Symposium on Foundations of Computer Science",
)

FREEDMAN = Paper(
    title="A Note on Screening Regression Equations",
    authors=("David Freedman",),
    year=1983,
    venue="American Statistician",
)

BOOTSTRAP = Paper(
    title="Bootstrap Methods: Another Look at the Jackknife",
    authors=("Bradley Efron",),
    year=1979,
    venue="Annals of Statistics",
)

MULTIPLE_COMPARISONS = Paper(
    title="Multiple Comparisons Among Means",
    authors=("Olive Jean Dunn",),
    year=1961,
    venue="Journal of the American Statistical Association",
)
