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

RANDOMIZED_SMOOTHING = Paper(
    title="Certified Adversarial Robustness via Randomized Smoothing",
    authors=("Jeremy Cohen", "Elan Rosenfeld", "J. Zico Kolter"),
    year=2019,
    arxiv="1902.02918",
    venue="ICML",
)

CONFIDENCE_SEQUENCES = Paper(
    title="Treatment of Statistical Estimation Problems in Randomized Smoothing for Adversarial Robustness",
    authors=("Václav Voráček",),
    year=2024,
    arxiv="2406.17830",
    venue="NeurIPS",
)

BETTING = Paper(
    title="Estimating Means of Bounded Random Variables by Betting",
    authors=("Ian Waudby-Smith", "Aaditya Ramdas"),
    year=2024,
    arxiv="2010.09686",
    venue="Journal of the Royal Statistical Society Series B",
)

CONSISTENCY_REGULARIZATION = Paper(
    title="Consistency Regularization for Certified Robustness of Smoothed Classifiers",
    authors=("Jongheon Jeong", "Jinwoo Shin"),
    year=2020,
    arxiv="2006.04062",
    venue="NeurIPS",
)

SMOOTH_ADV = Paper(
    title="Provably Robust Deep Learning via Adversarially Trained Smoothed Classifiers",
    authors=(
        "Hadi Salman",
        "Greg Yang",
        "Jerry Li",
        "Pengchuan Zhang",
        "Huan Zhang",
        "Ilya Razenshteyn",
        "Sébastien Bubeck",
    ),
    year=2019,
    arxiv="1906.04584",
    venue="NeurIPS",
)

DENOISED_SMOOTHING = Paper(
    title="Denoised Smoothing: A Provable Defense for Pretrained Classifiers",
    authors=("Hadi Salman", "Mingjie Sun", "Greg Yang", "Ashish Kapoor", "J. Zico Kolter"),
    year=2020,
    arxiv="2003.01908",
    venue="NeurIPS",
)

RRCM = Paper(
    title="Robust Representation Consistency Model via Contrastive Denoising",
    authors=(
        "Jiachen Lei",
        "Julius Berner",
        "Jiongxiao Wang",
        "Zhongzhu Chen",
        "Chaowei Xiao",
        "Zhongjie Ba",
        "Kui Ren",
        "Jun Zhu",
        "Anima Anandkumar",
    ),
    year=2025,
    arxiv="2501.13094",
    venue="ICLR",
)
