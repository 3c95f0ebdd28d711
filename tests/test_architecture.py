"""The picture of the rooms is that of the imports, and no room imports itself by way of others."""

import pytest

from tools import architecture


def test_the_picture_is_that_of_the_code():
    assert architecture.PICTURE.read_text("utf-8") == architecture.picture()


def test_a_module_without_a_room_is_named():
    with pytest.raises(ValueError, match=r"got resnotes\.attic, which stands in no room"):
        architecture.room_of("resnotes.attic")


class Circle:
    """A graph of imports in which two rooms need each other."""

    modules = ("resnotes.paths", "resnotes.network")

    def find_modules_directly_imported_by(self, module):
        return [other for other in self.modules if other != module]


def test_a_circle_of_rooms_is_refused():
    with pytest.raises(ValueError, match="imports itself by way of"):
        architecture.arrows(Circle())
