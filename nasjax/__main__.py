"""`python -m nasjax` is `nasjax`."""

import sys

from nasjax.cli import main

if __name__ == "__main__":
    sys.exit(main())
