"""Search spaces: families of networks that are described by choices, priced by the thousand.

A `SearchSpace` says what its candidates are made of. Compiled against a platform (`compile_space`) each piece is mapped
and priced once in every surrounding that makes a difference, and a candidate is a sum of what stands in tables.
"""
