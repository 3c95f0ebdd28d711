"""One forward pass of a model, watched: where every addition is, what it adds, and which module gave which result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.overrides import TorchFunctionMode

from resnotes import _validate

_T = torch.Tensor
#: function -> (what is carried, what is added) of its arguments.
OPERANDS = {
    **dict.fromkeys(
        (torch.add, _T.add, _T.__add__, _T.add_, _T.__iadd__),
        lambda input, other, alpha=1: (input, alpha * other),
    ),
    **dict.fromkeys((_T.__radd__,), lambda input, other: (other, input)),
    **dict.fromkeys(
        (torch.sub, _T.sub, _T.__sub__, _T.sub_, _T.__isub__),
        lambda input, other, alpha=1: (input, -alpha * other),
    ),
    **dict.fromkeys((torch.rsub, _T.__rsub__), lambda input, other, alpha=1: (-alpha * input, other)),
    **dict.fromkeys(
        (torch.addmm, _T.addmm, _T.addmm_),
        lambda input, mat1, mat2, beta=1, alpha=1: (beta * input, alpha * (mat1 @ mat2)),
    ),
    **dict.fromkeys(
        (torch.baddbmm, _T.baddbmm, _T.baddbmm_),
        lambda input, batch1, batch2, beta=1, alpha=1: (beta * input, alpha * (batch1 @ batch2)),
    ),
    **dict.fromkeys(
        (torch.addcmul, _T.addcmul, _T.addcmul_),
        lambda input, tensor1, tensor2, value=1: (input, value * tensor1 * tensor2),
    ),
    **dict.fromkeys(
        (torch.addcdiv, _T.addcdiv, _T.addcdiv_),
        lambda input, tensor1, tensor2, value=1: (input, value * tensor1 / tensor2),
    ),
    **dict.fromkeys(
        (torch.lerp, _T.lerp, _T.lerp_),
        lambda input, end, weight: ((1 - weight) * input, weight * end),
    ),
}
IN_PLACE = {f for f in OPERANDS if getattr(f, "__name__", "").endswith("_") and f not in (
    _T.__add__, _T.__radd__, _T.__sub__, _T.__rsub__)}  # fmt: skip
CONCATENATE = {torch.cat, torch.concat, torch.concatenate, torch.stack, torch.hstack, torch.vstack}


@dataclass(eq=False)
class Seen:
    """An operation of the forward pass: the module it is in, its function and arguments, their versions then."""

    module: str
    function: object
    arguments: tuple
    options: dict

    def __post_init__(self):
        self.versions = [a._version for a in self.arguments if torch.is_tensor(a)]

    def operands(self):
        """(carried, added) as tensors; None where an argument was overwritten since, or it is no addition."""
        if self.function not in OPERANDS:
            return None
        if [a._version for a in self.arguments if torch.is_tensor(a)] != self.versions:
            return None
        with torch.no_grad():
            return OPERANDS[self.function](*self.arguments, **self.options)


class Watched(TorchFunctionMode):
    """Watches a model's forward pass; `hooks` are to be removed after it.

    Attributes
    ----------
    seen : dict of Node to Seen
        Additions and concatenations.
    results : dict of Node to list of (module, tensor, version)
        What modules returned, the innermost first.
    first : Tensor or None
        The first embedding's result.
    """

    def __init__(self, model):
        super().__init__()
        self.seen, self.results, self.first, self.stack = {}, {}, None, [""]
        self.by_name = {}
        self.hooks = []
        for name, module in model.named_modules():
            self.hooks += [
                module.register_forward_pre_hook(lambda _, __, name=name: self.stack.append(name)),
                module.register_forward_hook(self._after(name), always_call=True),
            ]

    def _after(self, name):
        def hook(module, _, result):
            self.stack.pop()
            tensor = first_tensor(result)
            if tensor is None or not tensor.requires_grad:
                return
            self.by_name.setdefault(name, tensor)
            if tensor.grad_fn is not None:
                self.results.setdefault(tensor.grad_fn, []).append((name, tensor.detach(), tensor._version))
            if isinstance(module, torch.nn.Embedding) and self.first is None:
                self.first = tensor

        return hook

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        arguments = None
        if function in OPERANDS:
            arguments = tuple(a.detach() if torch.is_tensor(a) else a for a in args)
            if function in IN_PLACE:
                arguments = (arguments[0].clone(), *arguments[1:])
            options = {k: v.detach() if torch.is_tensor(v) else v for k, v in kwargs.items() if k != "out"}
        elif function in CONCATENATE:
            arguments, options = (), {}
        result = function(*args, **kwargs)
        if arguments is not None and torch.is_tensor(result) and result.grad_fn is not None:
            self.seen[result.grad_fn] = Seen(self.stack[-1], function, arguments, options)
        return result


def first_tensor(result):
    """The first floating-point tensor in what a module returned, or None."""
    if torch.is_tensor(result):
        return result if result.is_floating_point() else None
    parts = result.values() if isinstance(result, Mapping) else result if isinstance(result, (tuple, list)) else ()
    return next((tensor for part in parts if (tensor := first_tensor(part)) is not None), None)


def arguments(inputs, start=None):
    """Inputs as (args, kwargs) for the model, and by their names the floating-point ones that may be the start.

    By default all that are called no mask; otherwise the one that `start` names.
    """
    if torch.is_tensor(inputs):
        inputs = (inputs,)
    if isinstance(inputs, (tuple, list)):
        named = dict(enumerate(inputs))
    elif isinstance(inputs, Mapping):
        named = dict(inputs)
    else:
        _validate.refuse("inputs", _validate.describe(inputs), "a tensor, a tuple of what the model takes, or a dict")
    starts = {}
    for name, one in named.items():
        if torch.is_tensor(one) and one.is_floating_point():
            named[name] = one.detach()
            if name == start or (start is None and "mask" not in str(name)):
                # A copy of a leaf: the model may write into it, and the caller's tensor keeps what it has.
                starts[name] = named[name] = named[name].clone().requires_grad_().clone()
    return ((), named, starts) if isinstance(inputs, Mapping) else (tuple(named.values()), {}, starts)
