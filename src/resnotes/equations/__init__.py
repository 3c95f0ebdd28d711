"""Equations of chapters 7 to 10 on their way to `resnotes.book`."""
