"""`make fuzz`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz import fuzz
from tests.fuzz.rig import rig

parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
parser.add_argument("--examples", type=int, default=200, help="about how many inputs for each operation")
parser.add_argument("--steps", type=int, default=10, help="how far to walk from one operation to the next")
parser.add_argument("--seed", type=int, default=1)
given = parser.parse_args()
with tempfile.TemporaryDirectory(prefix="bridge-fuzz-") as folder, rig(Path(folder)) as (url, secret, known):
    found = fuzz(url, secret, known, examples=given.examples, steps=given.steps, seed=given.seed)
for operation, statuses in sorted(found.heard.items()):
    print(f"{operation:<60} {'  '.join(f'{status}: {n}' for status, n in sorted(statuses.items()))}")
for title, sample in found.failures.items():
    print(f"{title}\n{sample}\n")
print(found)
sys.exit(1 if found.failures else 0)
