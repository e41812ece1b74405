"""The exact least value of a linear function of a ReLU network, by mixed integer programming."""

import numpy as np
import scipy.optimize


def least(network, weights, lower, upper):
    """`min <weights, f(x)>` over the box, for an `nn.MLP` with ReLUs."""
    layers = [(np.asarray(layer.weight, np.float64).T, np.asarray(layer.bias, np.float64)) for layer in network.layers]
    hidden = sum(len(bias) for _, bias in layers[:-1])
    n = lower.size
    # Variables: x, then for all hidden elements their values a, then whether they are on.
    count = n + 2 * hidden
    rows, lows, highs = [], [], []
    low, high = np.zeros(count), np.ones(count)
    low[:n], high[:n] = lower, upper
    before, values, below, above = np.arange(n), n, lower, upper

    def add(coefficients, least_value, largest):
        row = np.zeros(count)
        for index, coefficient in coefficients:
            row[index] += coefficient
        rows.append(row)
        lows.append(least_value)
        highs.append(largest)

    for W, b in layers[:-1]:
        centre, radius = W @ (0.5 * (below + above)) + b, np.abs(W) @ (0.5 * (above - below))
        for i, (zl, zu) in enumerate(zip(centre - radius, centre + radius, strict=True)):
            a, on = values + i, values + i + hidden
            low[a], high[a] = 0.0, max(zu, 0.0)
            z = [(before[j], W[i, j]) for j in range(len(before))]
            add([(a, 1.0), *((j, -w) for j, w in z)], b[i], np.inf)  # a >= z
            add([(a, 1.0), *((j, -w) for j, w in z), (on, -zl)], -np.inf, b[i] - zl)  # a <= z - zl (1 - on)
            add([(a, 1.0), (on, -max(zu, 0.0))], -np.inf, 0.0)  # a <= zu on
        below, above = np.maximum(centre - radius, 0.0), np.maximum(centre + radius, 0.0)
        before, values = np.arange(values, values + len(b)), values + len(b)
    W, b = layers[-1]
    objective = np.zeros(count)
    objective[before] = weights @ W
    solved = scipy.optimize.milp(
        objective,
        integrality=np.concatenate([np.zeros(n + hidden), np.ones(hidden)]),
        bounds=scipy.optimize.Bounds(low, high),
        constraints=scipy.optimize.LinearConstraint(np.array(rows), lows, highs),
    )
    assert solved.success, solved.message
    return solved.fun + weights @ b
