"""The page of laws: which registered equations are laws of random networks, in what sense, and where they are measured."""

from __future__ import annotations

from dataclasses import dataclass

from resnotes.book import EQUATIONS

EXACT, WIDE, STEP = "exact mean", "wide network", "every network"
#: A mean over networks that a `WIDE` law is about exceeds it by at most the factor exp(2 L / n), besides the error of the
#: sample. That is measured at the depths and widths of the tests, and not derived.
WIDE_ERROR = 2.0


@dataclass(frozen=True)
class Law:
    """One law.

    Attributes
    ----------
    label : str
        Its equation.
    name : str
    sense : str
        `EXACT`: a mean over networks, at every width. `WIDE`: a limit of wide networks. `STEP`: holds in each network.
    measured : str
        Where networks are drawn and held against it; "" where none are.
    """

    label: str
    name: str
    sense: str
    measured: str = ""

    @property
    def equation(self):
        """Its entry in the registry."""
        return EQUATIONS[self.label]


LAWS = (
    Law("init-law", "Gain of units without normalisation", EXACT, "chapters 9 and 13"),
    Law("init-bounded", "When that gain is bounded", EXACT, "chapter 9"),
    Law("init-state-law", "States of such units", EXACT),
    Law("init-weights", "Gradients of their weights", EXACT, "chapter 9"),
    Law("init-attention", "Attention whose weights are held", EXACT, "chapter 9"),
    Law("init-step", "First-order effect of a step", STEP, "chapter 9"),
    Law("init-stochastic", "Stochastic depth", EXACT),
    Law("init-spread", "Fourth moment in plain networks", EXACT, "chapter 9"),
    Law("init-pre-law", "Gain of pre-LN", WIDE, "chapters 9 and 13"),
    Law("depths-pre-law", "Gain of pre-LN with a factor on each branch", WIDE, "chapter 13"),
    Law("depths-pre-factors", "Gain as growth of the variance: factors on shortcut and branch", WIDE, "chapter 13"),
    Law("init-pre-above", "Gradients above a unit of pre-LN", WIDE, "chapter 9"),
    Law("depths-post-limits", "Shortcuts' share after post-LN, DeepNorm and Keel", WIDE, "chapters 9 and 13"),
    Law("init-rms-unit", "One unit with RMS normalisation", EXACT),
    Law("init-batch-law", "Gain with batch normalisation", WIDE, "chapter 9"),
    Law("depths-derf", "An error function instead of a normalisation", WIDE, "chapter 13"),
    Law("depths-streams-sum", "Sum over streams mixed by rows that add up to 1", EXACT, "chapter 13"),
    Law("depths-delta", "A shortcut that erases a direction", STEP, "chapter 13"),
    Law("depths-attention", "Jacobian of attention over depth", STEP),
    Law("depths-concatenation", "Concatenation as a merge", STEP),
)
