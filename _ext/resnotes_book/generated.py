"""Pages with a part that is written when the book is built: a line in the page says where it goes."""


def fill(app, page, marker, written):
    """Put the MyST text that `written(app)` returns where the marker stands, on the page of that name.

    Raises
    ------
    ValueError
        While the page is read, if it does not have the marker.
    """

    def replace(_, docname, source):
        if docname == page:
            if marker not in source[0]:
                raise ValueError(f"{docname}: want the line {marker!r} where the generated part belongs")
            source[0] = source[0].replace(marker, written(app))

    app.connect("source-read", replace)
