"""``python tests/verify [NAME ...]``: run the accuracy checks and print what was measured beside the references.

Every file ``cases_*.py`` in this directory is imported; a name selects the checks that contain it, ``long`` those that
do not run without being asked for. The exit status is 0 if every row passes, 1 if not, 2 for a name that matches
nothing.
"""

import importlib
import sys
import time
from pathlib import Path

from registry import CASES, LONG, Row

from runs.errors import nearest


def main(words: list[str]) -> int:
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        importlib.import_module(path.stem)
    unknown = [word for word in words if word != "long" and not any(word in name for name in CASES)]
    if unknown:
        print(f"no check is named {', '.join(unknown)}; {nearest(unknown[0], CASES)}", file=sys.stderr)
        return 2
    chosen = {name: check for name, check in CASES.items() if _is_chosen(name, words)}
    failed = [name for name, check in chosen.items() if not run(name, check)]
    print(
        f"\n{len(chosen) - len(failed)} of {len(chosen)} checks passed"
        + "".join(f"\nfailed: {name}" for name in failed)
    )
    return 1 if failed else 0


def _is_chosen(name: str, words: list[str]) -> bool:
    if not words:
        return name not in LONG
    return any(word in name for word in words) or ("long" in words and name in LONG)


def run(name: str, check) -> bool:
    """Run one check, print its rows as they come, and tell whether all of them passed."""
    print(
        f"\n{name}: {(check.__doc__ or '').strip().splitlines()[0] if check.__doc__ else ''}".rstrip(": "), flush=True
    )
    print(f"  {'quantity':44}{'value':>18}{'error':>10}{'reference':>18}{'error':>10}{'difference':>14}")
    started, passed = time.perf_counter(), []
    for row in check():
        print(line(row), flush=True)
        passed.append(row.passed)
    print(f"  {time.perf_counter() - started:.1f} s")
    return bool(passed) and all(passed)


def line(row: Row) -> str:
    unit = "sigma" if row.sigma else "     "
    bound = f"<= {row.limit:.3g}" if row.below else f">= {-row.limit:.3g}" if row.above else f"+- {row.limit:.3g}"
    verdict = "pass" if row.passed else "FAIL"
    errors = [f"{error:.1e}" if error else "" for error in (row.error, row.reference_error)]
    values = f"{row.value:>18.10g}{errors[0]:>10}{row.reference:>18.10g}{errors[1]:>10}"
    return f"  {row.name:44}{values}{row.distance:>+9.2g} {unit} ({bound})  {verdict}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
