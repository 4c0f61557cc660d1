"""Right or wrong: every picture of a pipeline graded, by family, on trained and held-out scenes.

    python benchmarks/composition.py --out results/composition.json --page composition.html

The same as ``lit-dalle evaluate``; ``--help`` lists its options, and ``--quick`` ends within five
minutes on two cores.
"""

import sys

from lit_dalle.cli.main import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
