"""The fuzzing campaign: mutated files of every format that annette reads, with an oracle, findings and figures.

``python -m tools.fuzz --help`` lists the commands; docs/robustness.md says what is promised and how a format is added.
"""
