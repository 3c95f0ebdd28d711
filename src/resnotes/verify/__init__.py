"""Where the two halves meet: symbolic expressions are given numbers from random networks.

Every quantity in an equation gets its value by a way that uses no chain rule of ours: states from the NumPy
half's forward pass, derivatives by the complex step through forward passes, one map at a time for a local
Jacobian and through the whole rest of the network for a gradient. The NumPy half's own backward pass,
Jacobians and path sums are compared with the same numbers.

:mod:`.core` holds the derivatives and the comparison, the other modules the random cases of the chapters.
"""

from resnotes.verify.at_initialisation import (
    AllNetworks,
    Ensemble,
    FairCoins,
    Normalised,
    OneBranch,
    ReluFirst,
    Squares,
    ZeroLast,
)
from resnotes.verify.core import (
    CENTRAL_TOLERANCE,
    KINK_MARGIN,
    SEED,
    STEP,
    TOLERANCE,
    CheckError,
    CheckResult,
    World,
    central_difference_jacobian,
    column,
    complex_step_jacobian,
    relative_error,
    row,
    same,
    worlds,
)
from resnotes.verify.finite_precision import LongProduct, Resting, Rounding, ScaledLoss
from resnotes.verify.notes import (
    Block,
    Cancelling,
    Chain,
    Components,
    Distance,
    FourLayers,
    Logits,
    Merge,
    MergeAfter,
    OneUnit,
    OpenRelu,
    Padded,
    Plain,
    RandomBranch,
    RandomDirection,
    ScalarChain,
    Units,
    branch_forward,
    clear_of_kinks,
    random_network,
)
from resnotes.verify.shattered_gradients import CoinBranch, CoinNetworks, Spreads, TwoStates
from resnotes.verify.thousands_of_layers import FixupBranch, ScaledSum, Streams
from resnotes.verify.training import ScaledBranches
from resnotes.verify.your_own_network import Reported
