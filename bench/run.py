"""`make bench`: each row's own time against its floor's, in the same run."""

import importlib
import json
import os
import pkgutil

import django

django.setup()

from bench import rows  # noqa: E402


def main() -> None:
    """Run every row and print a table, or one JSON object a line."""
    as_json = bool(os.environ.get("JSON"))
    if not as_json:
        print(f"{'name':<15}{'ours':>12}{'floor':>12}{'ratio':>8}  {'unit':<8}{'n':>8}")
    for module in sorted(info.name for info in pkgutil.iter_modules(rows.__path__)):
        for row in importlib.import_module(f"bench.rows.{module}").run():
            row["ratio"] = round(row["ours"] / row["floor"], 2)
            if as_json:
                print(json.dumps(row), flush=True)
            else:
                figures = f"{row['ours']:>12.3f}{row['floor']:>12.3f}{row['ratio']:>8.2f}"
                print(f"{row['name']:<15}{figures}  {row['unit']:<8}{row['n']:>8}", flush=True)


if __name__ == "__main__":
    main()
