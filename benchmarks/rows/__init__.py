"""Parts of ``benchmarks/loading.py``: what happens to rows between the disk and a batch."""
