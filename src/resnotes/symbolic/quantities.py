"""The quantities of the book, by name. Every chapter's derivation is written in these."""

from __future__ import annotations

from resnotes.symbolic.algebra import Factor, Map, OrderedProduct, OrderedSum, Partial, Scalar, i, j

#: The loss.
E = Scalar("E")


def x(k):
    """State, a column."""
    return Factor("x", k)


def y(k):
    """What is added up at a merge point, before the layer after it."""
    return Factor("y", k)


def g(k):
    """Gradient of the loss with respect to x_k, a row."""
    return Factor("g", k)


def J(k):
    """Jacobian of the branch (or layer) F_k at its own input."""
    return Factor("J", k)


def D(k):
    """Jacobian of the layer after the addition (diagonal where it acts entrywise)."""
    return Factor("D", k)


def H(k):
    """Jacobian of the shortcut."""
    return Factor("H", k)


def W(k):
    """Weight matrix."""
    return Factor("W", k)


def b(k):
    """Bias, a column."""
    return Factor("b", k)


def F(k):
    """Branch of unit k (in the notes' network: layer k)."""
    return Map("F", J(k), k)


def shortcut(k):
    """Shortcut of unit k as a map."""
    return Map("H", H(k), k)


def after(k):
    """The layer after the addition; its Jacobian is D_k."""
    return Map("f", D(k))


def relu(k):
    """ReLU that produces x_k; its Jacobian is D_k."""
    return Map("ReLU", D(k))


def lam(k):
    """Factor on the shortcut of unit k."""
    return Scalar("lambda", k)


def lambdas(low, high):
    """The product of the shortcut factors from ``low`` to ``high``."""
    return OrderedProduct(lam(j), (j, low, high))


def loss_gradient(state):
    """The derivative of the loss with respect to a state."""
    return Partial(E, state)


__all__ = [
    "D",
    "E",
    "F",
    "H",
    "J",
    "W",
    "after",
    "b",
    "g",
    "i",
    "j",
    "lam",
    "lambdas",
    "loss_gradient",
    "relu",
    "shortcut",
    "x",
    "y",
    "OrderedProduct",
    "OrderedSum",
]
