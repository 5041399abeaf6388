"""Measures the product from outside, beside a loop written by hand: `python -m benchmarks [--full]`."""
