"""Pages with a part that is written at the build, and where their lines must not end."""

import pytest

from _ext.resnotes_book.generated import fill
from _ext.resnotes_book.images import themed
from _ext.resnotes_book.unbroken import pieces


class Application:
    """Holds the one listener, as Sphinx would."""

    def connect(self, event, listener):
        assert event == "source-read"
        self.listener = listener


@pytest.fixture
def read():
    """Reads a page's text as the build does."""
    app = Application()
    fill(app, "chapters/a", "<!-- here -->", lambda got: f"text of {got is app}")

    def reading(page, text):
        source = [text]
        app.listener(app, page, source)
        return source[0]

    return reading


def test_the_part_stands_where_the_marker_was_and_on_its_page_alone(read):
    assert read("chapters/a", "# A\n\n<!-- here -->\n") == "# A\n\ntext of True\n"
    assert read("chapters/b", "<!-- here -->") == "<!-- here -->"


def test_a_page_without_its_marker_is_refused(read):
    with pytest.raises(ValueError, match="chapters/a: want the line '<!-- here -->'"):
        read("chapters/a", "# A\n")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("for all J: J = -cI meets it.", ["J = -cI"]),
        ("λ = 0.909, β = 0.091", ["λ = 0.909,", "β = 0.091"]),
        ("at least 1 - ‖J‖₂ times, and b = -log L", ["1 - ‖J‖₂", "b = -log"]),
        ("as a - b in words - and 3.2 %, of 5 more, 5.33e-01", ["3.2 %", "5.33e-01"]),
    ],
)
def test_a_line_does_not_end_within_a_relation_or_before_a_per_cent_sign(text, kept):
    found = pieces(text)
    assert [part for part, whole in found if whole] == kept
    assert "".join(part for part, _ in found) == text


def test_a_drawing_keeps_the_digits_of_its_texts():
    svg = '<svg width="10.12345"><path d="M 1.23456 2\nL 3.98765 4"/><text style="font: 9px STIX">0.00234</text></svg>'
    drawn = themed(svg, "d0-", "wide")
    assert 'width="10.12"' in drawn and "M 1.23 2\nL 3.98 4" in drawn and ">0.00234<" in drawn
