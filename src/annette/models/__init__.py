"""Layer models: tables of kernels in, seconds out."""
