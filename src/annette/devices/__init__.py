"""Where each device family lives: a package for each, and the contract through which the engines meet them.

Everything that only one family knows is in its package: which layers its compiler fuses, what it schedules, the
formulas of its engines, the runtime that measures it, the reports and tables that can be read, and how it is fitted.
`annette.devices.device` is what a package gives, `annette.devices.registry` how it is found.
"""
