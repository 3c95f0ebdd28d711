"""Pages with a part that is written at the build."""

import pytest

from _ext.resnotes_book.generated import fill


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
