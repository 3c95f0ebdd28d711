"""Random cases of chapters 7 to 10 on their way to `resnotes.book`."""

from resnotes.verify.at_initialisation import (
    AllNetworks,
    BatchStrength,
    Ensemble,
    GrowingSpread,
    Normalised,
    OneBranch,
    PlainNetworks,
    ReluFirst,
    RmsNormalised,
    Squares,
    StandardNormal,
    SymmetricBatch,
    ZeroLast,
)
from resnotes.verify.shattered_gradients import CentredStates, CoinBranch, CoinNetworks, Spreads, TwoStates
