"""
How fast is the bridge, beside what one would build instead? `make bench`, or `python -m tests.bench --help`.

The real processes run against a sink in place of the vendors. All systems are measured in one run, in turns, so that
what the machine does meanwhile befalls each of them; what counts are ratios of medians, not the figures themselves.
"""
