"""The Jacobian of a residual network, sorted by path length.

Multiplying out ∏ D_i (H_i + J_i) over n units gives 2^n paths: each unit is passed through its shortcut or
through its branch (Veit et al. 2016, arXiv:1605.06431). The sum over all paths with exactly k branches
obeys a recursion over the units, so it costs n²/2 small products rather than 2^n.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from resnotes import _validate
from resnotes._terminal import Bar
from resnotes.network import Network, Trace, identity_rows
from resnotes.shortcuts import send_back

#: What `jacobian_by_length` may take: bytes of its result, of which it keeps three while it runs, and multiplications.
LARGEST, MOST_WORK = 2**32, 1e14


def jacobian_by_length(
    net: Network, trace: Trace, start: int = 0, stop: int | None = None, up_to: int | None = None
) -> np.ndarray:
    """The part of ∂x_stop/∂x_start that is carried by paths through exactly k branches, for every k.

    With P_l[k] that part for ∂x_l/∂x_start,

        P_{l+1}[k] = D_l H_l P_l[k] + D_l J_l P_l[k-1],

    summed term by term as it stands (no transform, which would lose the small parts in the large).

    Parameters
    ----------
    net : Network
    trace : Trace
        From ``net.forward``, with no weight changed since.
    start, stop : int
        State indices, 0 <= start <= stop <= L. Without `stop`, L.
    up_to : int, optional
        Keep the lengths 0, ..., up_to apart and put all longer paths into one part. Without it, and where it is
        no less than the number of units, every length has its own.

    Returns
    -------
    ndarray, shape (stop - start + 1, n_stop, n_start)
        Entry k is the sum over the paths through k branches; the sum over k is
        ``net.jacobian(trace, start, stop)``. A batched trace adds a leading axis. With `up_to` less than
        stop - start the first axis has up_to + 2 entries, the last of them the paths through more branches than that.

    Raises
    ------
    ValueError
        If the trace is another network's or complex, start, stop or up_to is out of range, a layer couples the
        samples of a batch, or the result would be larger than `LARGEST` bytes or take more than `MOST_WORK`
        multiplications.

    Notes
    -----
    Of n by n Jacobians over L units it takes of the order of L² n³ multiplications, and with `up_to` L K n³. On a
    terminal a line says how far it is where that takes more than some seconds.
    """
    start, stop = net._span(trace, start, stop)
    count = stop - start
    if up_to is not None:
        count = min(_validate.whole_number(up_to, "up_to", 0) + 1, count)
    first, whole = trace.states[start], count == stop - start
    batch, n = first.shape[:-1], first.shape[-1]
    # Axes: batch, row, then k and column in one, so that one matrix product serves all k. Two arrays take
    # turns, each as large as will be needed; the third holds what comes by the branch.
    width = max(state.shape[-1] for state in trace.states[start : stop + 1])
    _refuse_hopeless((*batch, count + 1, width, n), trace.states[stop].itemsize, stop - start)
    old, new, spare = np.zeros((3, *batch, width, (count + 1) * n), trace.states[stop].dtype)
    old[..., :n, :n] = np.eye(n)
    rows, bar = None, Bar(stop - start, "jacobian_by_length: unit")
    for index in range(start, stop):
        bar.at(index - start)
        output = trace.states[index + 1]
        if rows is None or rows.shape[-1] != output.shape[-1] or rows.dtype != output.dtype:
            rows = identity_rows(output)
        try:
            sent = net.units[index].rows_back(trace.units[index], rows)
        except ValueError as error:
            raise _validate.placed(error, "unit", index) from None
        by_shortcut, by_branch = sent.shortcut.input, sent.branch[0].input
        m, width = by_branch.shape[-2:]
        done = min(index - start + 1, count) * n  # columns that a branch makes one longer
        parts, longer = old[..., :width, : done + n], new[..., :m, : done + n]
        np.matmul(by_shortcut, parts, out=longer)  # the columns of the new length are still 0
        longer[..., n:] += np.matmul(by_branch, parts[..., :-n], out=spare[..., :m, :done])
        if not whole and index - start >= count:  # the last part holds all longer paths and stays the last
            longer[..., -n:] += by_branch @ parts[..., -n:]
        old, new = new, old
    bar.clear()
    parts = old[..., : trace.states[stop].shape[-1], :].reshape(*batch, -1, count + 1, n)
    return np.ascontiguousarray(np.moveaxis(parts, -2, -3))


def _refuse_hopeless(shape, itemsize, units):
    """Refuse what does not fit into memory or would take hours, with its size."""
    size, work = math.prod(shape) * itemsize, units * math.prod(shape) * shape[-2]
    if size > LARGEST or work > MOST_WORK:
        got = f"{shape[-3]} parts of {shape[-2]} by {shape[-1]} over {units} units, {size / 2**30:.1f} GiB and"
        _validate.refuse(
            "up_to",
            f"{got} {work:.0e} multiplications",
            f"at most {LARGEST / 2**30:.0f} GiB and {MOST_WORK:.0e}: a smaller up_to, or fewer units or samples",
        )


def gradient_by_shortcut(net: Network, trace: Trace, g: ArrayLike) -> list[np.ndarray]:
    """The part of the gradient that comes back by the shortcuts alone, at every state: g_L ∏ D_i H_i.

    It is what the path without any branch carries (the equations ``unrolled-general-terms`` and ``after-direct``
    of the book). Layers that couple the samples of a batch are welcome: the whole batch is sent back.

    Parameters
    ----------
    net : Network
    trace : Trace
        From ``net.forward``, with no weight changed since.
    g : array_like, the shape of x_L
        g_L.

    Returns
    -------
    list of ndarray
        At x_0, ..., x_L, each with the shape of the state; the last is g_L itself.

    Raises
    ------
    ValueError
        As ``net.backward`` does.
    """
    net._span(trace)
    parts = [_validate.gradient(g, trace.states[-1]).copy()]
    for index in reversed(range(len(net.units))):
        unit, at = net.units[index], trace.units[index]
        with _validate.located("unit", index):
            sent, _ = send_back(unit.after, at.sum, parts[-1])
            sent, _ = send_back(unit.shortcut, at.branch[0], sent)
        parts.append(sent)
    return parts[::-1]
