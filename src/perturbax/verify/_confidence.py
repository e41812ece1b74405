"""Lower confidence bounds of a probability from counts, exact at every sample size.

Of `n` independent draws `k` were successes of probability `p`.

Clopper and Pearson: `L` is the `p` at which `k` or more successes have probability `alpha`, the `alpha` quantile of
`Beta(k, n - k + 1)`. Then `P(L > p) <= alpha` for every `p` when `n` is fixed in advance.

Betting: a gambler against "the probability is at most `q`" who stakes the part `u` of her capital on each success, at
the odds that are fair for `q`, has `(1 + u (1 - q) / q)^k (1 - u)^(n - k)` after `n` draws. With her first unit spread
evenly over all `u` in [0, 1] she has

    M_n(q) = int_0^1 (1 + u (1 - q) / q)^k (1 - u)^(n - k) du
           = B(k + 1, n - k + 1) I^c_q(k + 1, n - k + 1) / (q^k (1 - q)^(n - k + 1)),

which falls in `q` and is a martingale for `q = p`. By Ville's inequality it ever reaches `1 / alpha` with probability
at most `alpha`, so `L_n`, the `q` with `M_n(q) = 1 / alpha`, holds for all `n` at once: draws may go on or stop for
any reason.
"""

import numpy as np
from jaxtyping import Float
from scipy import special

# Far above the errors of the special functions, which are a few units in the last of 16 places.
_ROUNDING = 1e-12

_BISECTIONS = 48


def clopper_pearson_lower(k: np.ndarray, n: np.ndarray, alpha: float) -> Float[np.ndarray, "..."]:
    """The bound for a number of draws that was fixed before the first one.

    **Arguments:** `k`: successes; `n`: draws, both integers; `alpha`: the probability that the bound may fail with.

    **Returns:** the bounds, float64 of the shape of `k`.

    >>> clopper_pearson_lower(np.array([0, 100]), np.array(100), 0.001).round(4).tolist()
    [0.0, 0.9333]
    """
    k, n = np.broadcast_arrays(np.asarray(k, np.float64), np.asarray(n, np.float64))
    lower = np.where(k > 0, special.betaincinv(np.maximum(k, 1.0), n - k + 1.0, alpha), 0.0)
    return np.asarray(lower * (1.0 - _ROUNDING))


def betting_lower(k: np.ndarray, n: np.ndarray, alpha: float) -> Float[np.ndarray, "..."]:
    """The bound that holds for all numbers of draws at once.

    **Arguments:** `k`: successes; `n`: draws so far, both integers; `alpha`: the probability that it may ever fail
    with.

    **Returns:** the bounds, float64 of the shape of `k`.

    >>> betting_lower(np.array([0, 100]), np.array([100, 100]), 0.001).round(4).tolist()
    [0.0, 0.9132]
    """
    k, n = np.broadcast_arrays(np.asarray(k, np.float64), np.asarray(n, np.float64))
    # Of many images few have different counts.
    pairs, places = np.unique(np.stack([k.ravel(), n.ravel()]), axis=1, return_inverse=True)
    successes, total = pairs
    # Above k / n no stake wins, so that the capital is below 1 there.
    low, high = np.zeros_like(successes), successes / total
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        rejected = _log_capital(successes, total, middle) >= -np.log(alpha)
        low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
    return (low * (1.0 - _ROUNDING))[places].reshape(k.shape)


def _log_capital(k: np.ndarray, n: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = special.betaln(k + 1.0, n - k + 1.0) + np.log(special.betaincc(k + 1.0, n - k + 1.0, q))
        capital = spread - special.xlogy(k, q) - special.xlog1py(n - k + 1.0, -q)
    # Without a success there is nothing against any probability.
    return np.where(k > 0, capital, -np.inf)
