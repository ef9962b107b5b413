"""`python -m bindwatch`, for where the command is not on the path."""

from bindwatch.cli import main

if __name__ == "__main__":
    main()
