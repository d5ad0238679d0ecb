"""The command line: `python -m aerospike_py`, and `aerospike-py`."""

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
