"""Random cases of chapters 7 to 10 on their way to `resnotes.book`."""

from resnotes.verify.at_initialisation import (
    AllNetworks,
    Ensemble,
    Normalised,
    OneBranch,
    PlainNetworks,
    ReluFirst,
    Squares,
    ZeroLast,
)
from resnotes.verify.shattered_gradients import CoinBranch, CoinNetworks, Spreads, TwoStates
