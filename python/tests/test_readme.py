"""The examples of the README run, each in a process and a folder of its own."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def examples() -> list:
    found = []
    for name in ("python/README.md", "README.md", "docs/python.md"):
        text = (ROOT / name).read_text("utf-8")
        # An example that needs something else says so in its first line.
        parts = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
        found += [pytest.param(part, id=f"{name}-{i}") for i, part in enumerate(parts) if not part.startswith("# needs")]
    return found


@pytest.mark.parametrize("example", examples())
def test_an_example_runs(example: str, tmp_path: pathlib.Path) -> None:
    said = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    assert said.stdout
