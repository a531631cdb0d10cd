"""`python -m flows.cli`: the same as `acci`."""

import sys

from flows.cli import main

if __name__ == "__main__":
    sys.argv[0] = "acci"
    main()
