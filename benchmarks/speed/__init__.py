"""The parts of ``benchmarks/throughput.py``: sizes, work, rates, and one module a measurement."""
