"""What the book's pages cost, beside one of its chapters built with stock settings; `python -m benchmarks.pages`."""
