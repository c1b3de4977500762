"""``python docs/gallery.py [--quick]``: run each lesson that has no result yet, and write the gallery from the results.

The results lie in docs/_build/results, or docs/_build/quick, the pictures in docs/gallery, the page in docs/gallery.md.
"""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

from runs.errors import ResultError
from runs.experiments import find
from runs.lessons import LESSONS
from runs.plots import save_picture
from runs.reading import open_result
from runs.report import summary
from runs.result import Result

HERE = Path(__file__).parent


def result_of(name: str, flags: list[str]) -> Result:
    """The finished result of a lesson, from its file or from a run."""
    path = HERE / "_build" / ("quick" if flags else "results") / f"{name}.h5"
    try:
        result = open_result(path)
    except ResultError:
        result = None
    if result is None or result.status != "finished":
        command = [sys.executable, "-m", "runs.cli", "run", name, *flags, "--out", str(path), "--overwrite"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        result = open_result(path)
    return result


def section(name: str, result: Result) -> str:
    """A heading, what is learnt and from where, the picture, and what was found."""
    words = textwrap.dedent(" " * 4 + (find(name).settings.__doc__ or "")).strip()
    picture = save_picture(result, HERE / "gallery" / f"{name}.png", overwrite=True)
    parts = [
        f"## {name}",
        *(plain(paragraph) for paragraph in words.split("\n\n")),
        f"![{LESSONS[name][1]}](gallery/{picture.name})",
        "\n".join(["```text", f"born run {name}", *summary(result).splitlines()[1:], "```"]),
    ]
    return "\n\n".join(parts)


def plain(words: str) -> str:
    """The words on one line, without a meaning as Markdown or formula."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(words.split()))


def main(flags: list[str]) -> None:
    (HERE / "gallery").mkdir(exist_ok=True)
    sections = []
    for name in LESSONS:
        print(name, flush=True)
        sections.append(section(name, result_of(name, flags)))
    note = " Everything was made small here, to show that it runs." if flags else ""
    head = f"# Gallery\n\nEvery lesson with its picture and what its last run found.{note}"
    (HERE / "gallery.md").write_text("\n\n".join([head, *sections]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
