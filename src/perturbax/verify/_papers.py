"""The papers that the methods of this package come from."""

from ..core import Paper

AUTO_LIRPA = Paper(
    title="Automatic Perturbation Analysis for Scalable Certified Robustness and Beyond",
    authors=(
        "Kaidi Xu",
        "Zhouxing Shi",
        "Huan Zhang",
        "Yihan Wang",
        "Kai-Wei Chang",
        "Minlie Huang",
        "Bhavya Kailkhura",
        "Xue Lin",
        "Cho-Jui Hsieh",
    ),
    year=2020,
    arxiv="2002.12920",
    venue="NeurIPS",
)

CROWN = Paper(
    title="Efficient Neural Network Robustness Certification with General Activation Functions",
    authors=("Huan Zhang", "Tsui-Wei Weng", "Pin-Yu Chen", "Cho-Jui Hsieh", "Luca Daniel"),
    year=2018,
    arxiv="1811.00866",
    venue="NeurIPS",
)

IBP = Paper(
    title="On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust Models",
    authors=(
        "Sven Gowal",
        "Krishnamurthy Dvijotham",
        "Robert Stanforth",
        "Rudy Bunel",
        "Chongli Qin",
        "Jonathan Uesato",
        "Relja Arandjelovic",
        "Timothy Mann",
        "Pushmeet Kohli",
    ),
    year=2018,
    arxiv="1810.12715",
)

ALPHA_CROWN = Paper(
    title="Fast and Complete: Enabling Complete Verification with Massively Parallel Incomplete Verifiers",
    authors=("Kaidi Xu", "Huan Zhang", "Shiqi Wang", "Yihan Wang", "Suman Jana", "Xue Lin", "Cho-Jui Hsieh"),
    year=2021,
    arxiv="2011.13824",
    venue="ICLR",
)

BRANCH_AND_BOUND = Paper(
    title="A Unified View of Piecewise Linear Neural Network Verification",
    authors=("Rudy Bunel", "Ilker Turkaslan", "Philip H. S. Torr", "Pushmeet Kohli", "M. Pawan Kumar"),
    year=2018,
    arxiv="1711.00455",
    venue="NeurIPS",
)

BETA_CROWN = Paper(
    title=(
        "Beta-CROWN: Efficient Bound Propagation with Per-neuron Split Constraints for Neural Network Robustness "
        "Verification"
    ),
    authors=("Shiqi Wang", "Huan Zhang", "Kaidi Xu", "Xue Lin", "Suman Jana", "Cho-Jui Hsieh", "J. Zico Kolter"),
    year=2021,
    arxiv="2103.06624",
    venue="NeurIPS",
)

CROWN_IBP = Paper(
    title="Towards Stable and Efficient Training of Verifiably Robust Neural Networks",
    authors=(
        "Huan Zhang",
        "Hongge Chen",
        "Chaowei Xiao",
        "Sven Gowal",
        "Robert Stanforth",
        "Bo Li",
        "Duane Boning",
        "Cho-Jui Hsieh",
    ),
    year=2020,
    arxiv="1906.06316",
    venue="ICLR",
)
