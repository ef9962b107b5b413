"""The command `bindwatch`, also as `python -m bindwatch`: where the packages of its extra are missing, it says so."""

import sys
from typing import Final

OF_THE_EXTRA: Final = ("click", "drawsvg", "duckdb", "jinja2", "jwt", "kubernetes", "pygal", "rich", "yaml")
"""What the extra `cli` brings, as it is imported. The functions go without."""


def main() -> None:
    """Run the command line; without the packages it needs, say how to get them and exit 2."""
    try:
        from bindwatch.cli import main as command

        command()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OF_THE_EXTRA:
            raise
        print(
            f"bindwatch: {package} is not installed: the command line needs the extra 'cli'; "
            "install it with: pip install 'bindwatch[cli]' (from a checkout: pip install '.[cli]')",
            file=sys.stderr,
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
