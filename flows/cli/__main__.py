"""`python -m acci.flows.cli`: the same as `acci`."""

from acci.flows.cli import main

if __name__ == "__main__":
    main()
