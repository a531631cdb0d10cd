"""`python -m flows.cli`: the same as `acci`."""

from flows.cli import main

if __name__ == "__main__":
    main()
