#!/usr/bin/env python3
"""Runs linn and others side by side on the products of matrices of known networks; see README.md."""

from __future__ import annotations

import sys

from compare import product_report, products
from peers import Comparison, main

PRODUCTS = Comparison(
    description=__doc__,
    engines=("linn", "onnxruntime", "gemm", "matrixmultiply"),
    workloads=products.read,
    page=product_report.page,
    file="PRODUCTS.md",
)

if __name__ == "__main__":
    sys.exit(main(PRODUCTS))
