"""`python -m flows.cli`: the same as `acci`, whose first line does not take every path."""

from flows.cli import main

if __name__ == "__main__":
    main()
