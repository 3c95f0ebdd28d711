"""201 values of λ: the scalar chain at 1000 depths, and the gradient's norm down a chain of width 16."""

import jax
import numpy as np
from measure import Case

from resnotes.magnitudes import gradient_norms, power_sweep, shortcut_product

from .common import TOLERANCE

FACTORS = np.linspace(0.5, 1.5, 201)
DEPTHS = np.arange(1, 1001)
MEMORY = ({"workload": "scalar chain"}, {"workload": "chain", "dtype": "float64"})


def scalar():
    def product_by_product():
        return np.array(
            [[shortcut_product([factor] * depth).log10 for depth in DEPTHS[::100]] for factor in FACTORS[::20]]
        )

    whole = lambda: power_sweep(FACTORS, DEPTHS)  # noqa: E731
    compiled = jax.jit(lambda f, d: jax.numpy.log10(jax.numpy.abs(f))[:, None] * d)
    with_jax = lambda: jax.block_until_ready(compiled(FACTORS, DEPTHS))  # noqa: E731
    # The exact products, one by one, on a part of the grid.
    part = {"power_sweep": lambda r: r[::20, ::100], "jax": lambda r: r[::20, ::100], "exact, a 200th": lambda r: r}
    ways = {"power_sweep": whole, "jax": with_jax, "exact, a 200th": product_by_product}
    return Case(
        {"workload": "scalar chain", "factors": 201, "depths": 1000}, ways, lambda name, r: [part[name](np.asarray(r))]
    )


def chain(dtype):
    rng = np.random.default_rng(0)
    branches = (rng.normal(size=(1000, 16, 16)) * 0.05).astype(dtype)
    g = rng.normal(size=16).astype(dtype)

    def step(rows, branch, factors):
        rows = factors * rows + rows @ branch
        norms = jax.numpy.linalg.norm(rows, axis=1)
        return rows / norms[:, None], jax.numpy.log10(norms)

    @jax.jit
    def compiled(branches, factors, g):
        rows = jax.numpy.tile(g / jax.numpy.linalg.norm(g), (len(factors), 1))
        _, logs = jax.lax.scan(lambda r, b: step(r, b, factors[:, None]), rows, branches[::-1])
        logs = jax.numpy.concatenate(
            [jax.numpy.full((1, len(factors)), jax.numpy.log10(jax.numpy.linalg.norm(g))), logs]
        )
        return jax.numpy.cumsum(logs.astype(float), axis=0)[::-1].T

    factors = FACTORS.astype(dtype)
    ways = {
        "gradient_norms": lambda: gradient_norms(branches, factors, g),
        "jax": lambda: jax.block_until_ready(compiled(branches, factors, g)),
    }
    size = {"workload": "chain", "width": 16, "depth": 1000, "factors": 201, "dtype": dtype}
    return Case(size, ways, tolerance=TOLERANCE[dtype])


def cases(threads):
    yield scalar()
    yield chain("float64")
    yield chain("float32")
