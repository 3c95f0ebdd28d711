"""Records of runs, and the file that keeps them: one line a run, written as soon as the run is over."""

import json
import os
import re
import zlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from resnotes import _validate

#: Raised when `train` changes in a way that makes earlier records incomparable; part of each line.
FORMAT = 1
#: How a line begins.
BEGINNING = re.compile(rb"[0-9a-f]{8} \{")
#: Significant digits kept of what is measured.
DIGITS = 5


@dataclass
class Record:
    """What one run measured.

    Attributes
    ----------
    settings : Settings
    loss : list of float
        Mean cross-entropy of the batch before step 0, 1, ..., and after the last.
    measured : list of int
        The steps before which the following were measured.
    accuracy : list of float
        Share of the test images that are classified correctly.
    state_gradients : list of lists of float
        ‖∂E/∂x_l‖ of one image's loss, root mean square over the batch, for l = 0 to L.
    weight_gradients : list of lists of float
        ‖∂E/∂(W₁, W₂)‖ of unit l, of the batch's mean loss, for l = 0 to L - 1.
    scales : list of lists of float
        The learned scales of the branches; empty lists where none is learned.
    diverged_at : int or None
        The step at which something was infinite or NaN; None where all stayed finite.
    diverged_by : str or None
        What it was: "forward pass", "loss" or "gradient".
    """

    settings: Any
    loss: list = field(default_factory=list)
    measured: list = field(default_factory=list)
    accuracy: list = field(default_factory=list)
    state_gradients: list = field(default_factory=list)
    weight_gradients: list = field(default_factory=list)
    scales: list = field(default_factory=list)
    diverged_at: int | None = None
    diverged_by: str | None = None

    @property
    def diverged(self) -> bool:
        """Whether the run ended because something was no longer finite."""
        return self.diverged_at is not None


@dataclass(frozen=True)
class Damage:
    """A line of a results file that is no record.

    Attributes
    ----------
    line : int
        Counted from 1.
    reason : str
    """

    line: int
    reason: str

    def __str__(self):
        return f"line {self.line} is damaged ({self.reason})"


def select(records, **choices) -> list[Record]:
    """The records whose settings are these, by seed.

    Parameters
    ----------
    records : iterable of Record
    **choices
        Settings and the value that each must have; those not named may have any.

    Raises
    ------
    ValueError
        If a setting is unknown, or no record fits.
    """
    found = []
    for record in records:
        settings = asdict(record.settings)
        unknown = set(choices) - set(settings)
        if unknown:
            _validate.refuse("choices", ", ".join(sorted(unknown)), f"some of {', '.join(settings)}")
        if all(settings[name] == value for name, value in choices.items()):
            found.append(record)
    if not found:
        _validate.refuse("choices", choices, "settings of at least one of the records")
    return sorted(found, key=lambda record: record.settings.seed)


def _rounded(value):
    """Every float in nested lists with `DIGITS` significant digits."""
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS - 1}e}") if isinstance(value, float) else value


def encode(record: Record) -> bytes:
    """The line of a record, with its newline: a checksum and the record as JSON."""
    measured = {entry.name: _rounded(getattr(record, entry.name)) for entry in fields(Record)[1:]}
    text = json.dumps({"format": FORMAT, "settings": asdict(record.settings), **measured}, allow_nan=False)
    return f"{zlib.crc32(text.encode()):08x} {text}\n".encode()


def decode(line: bytes) -> Record:
    """The record of a line.

    Raises
    ------
    ValueError
        If the line is not whole, its checksum differs, or it has another format.
    """
    from resnotes.training.run import Settings

    if not line.endswith(b"\n"):
        _validate.refuse("line", "one without its end", "a whole line")
    checksum, _, text = line[:-1].partition(b" ")
    if checksum != f"{zlib.crc32(text):08x}".encode():
        _validate.refuse("checksum", checksum.decode("ascii", "replace"), f"{zlib.crc32(text):08x}")
    content = json.loads(text)
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        _validate.refuse("line", "a record of another format", f"one of format {FORMAT}")
    try:
        return Record(Settings(**content.pop("settings")), **content)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"line: got a record with other fields ({error}), wanted those of Settings and Record"
        ) from error


def read_records(path) -> tuple[list[Record], list[Damage]]:
    """Read a results file.

    Parameters
    ----------
    path : path
        A file that `sweep` wrote. Where there is none, there are no records.

    Returns
    -------
    records : list of Record
        In the order in which the runs ended.
    damages : list of Damage
        What could not be read, such as a last line that a kill cut short.

    Raises
    ------
    ValueError
        If the file holds something, and no line of it begins as a record does.
    """
    path = Path(path)
    records, damages = [], []
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    if lines and not any(map(BEGINNING.match, lines)):
        _validate.refuse("path", f"{path}, which is no results file", "one that a sweep wrote, or a new one")
    for number, line in enumerate(lines, start=1):
        try:
            records.append(decode(line))
        except ValueError as error:
            damages.append(Damage(number, str(error)))
    return records, damages


def rewrite(path, records):
    """Replace a results file by these records, at once: a kill leaves the old file or the new one."""
    path = Path(path)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with open(beside, "wb") as file:
        file.writelines(map(encode, records))
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def append(path, record):
    """Add one record at the end of a results file, and see it to the disk."""
    with open(path, "ab") as file:
        file.write(encode(record))
        file.flush()
        os.fsync(file.fileno())
