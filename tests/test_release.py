"""What a release is made of agrees with itself."""

import hashlib
import re
import tomllib

import pytest
import yaml

from _ext.resnotes_book import launch
from tools import book, release

ROOT = book.ROOT
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_one_version():
    """In the package, in what to cite, and first in the changelog with its date."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert release.version() == cited["version"] == cited["preferred-citation"]["version"]
    newest = re.search(r"^## (\S+) \((\S+)\)$", CHANGELOG, re.MULTILINE)
    assert newest.groups() == (release.version(), cited["date-released"])
    assert cited["date-released"].startswith(f"{cited['preferred-citation']['year']}-")


def test_the_notes_are_the_versions_section():
    found = release.notes("# C\n\n## 1.1.0 (x)\n\n### A\n\n- b\n\n## 1.0.0\n\n- c\n", "1.1.0")
    assert found == "### A\n\n- b\n"
    assert release.notes(CHANGELOG, release.version())
    for wanted in ("1.0", "2.0.0"):
        with pytest.raises(ValueError, match=f"got no section {re.escape(wanted)}"):
            release.notes("## 1.0.0\n\n- c\n\n## 2.0.0\n\n## 3.0.0\n", wanted)


def test_sums_are_as_the_command_reads_them(tmp_path):
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"1", b"2"))
    assert release.sums(tmp_path.iterdir()) == f"{one}  a\n{two}  b\n"


def test_readme_has_code_that_needs_numpy_alone():
    """tools/release.py runs it from the wheel; what needs PyTorch is left out, and only that."""
    readme = (ROOT / "README.md").read_text("utf-8")
    code = release.numpy_code(readme)
    assert "report(net)" in code and "torch" not in code
    assert compile(code, "README.md", "exec") and "import resnotes.torch" in readme


def test_an_error_in_an_equation_is_the_first_form_and_has_the_label_that_a_page_fills_in():
    folder = ROOT / ".github/ISSUE_TEMPLATE"
    forms = sorted(path.name for path in folder.glob("*.yml") if path.name != "config.yml")
    assert forms[0] == "equation.yml" and f"template={forms[0]}" in launch.report("https://example.org", "init-law")
    for name in forms:
        form = yaml.safe_load((folder / name).read_text("utf-8"))
        fields = [field["id"] for field in form["body"]]
        assert form["name"] and form["description"] and len(set(fields)) == len(fields)
        assert name != "equation.yml" or fields[0] == "equation"


def test_the_package_says_what_it_is_and_runs_on():
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    versions = {line.rpartition(" ")[2] for line in about["classifiers"] if "Python :: 3." in line}
    from tools import run

    assert versions == {f"3.{minor}" for minor in range(run.OLDEST[1], run.NEWEST[1] + 1)}
    assert about["requires-python"] == ">=3.11"
