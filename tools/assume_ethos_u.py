"""Adds to Ethos-U platform files the kinds of kernel that only vendors' files have, priced by the compiler's formula.

Usage: ``python tools/assume_ethos_u.py FILE…`` rewrites platform files that were fitted before these kinds were known,
as a fit today would make them, and gives their context stage what is known of the accelerator today; nothing else that
a file holds is changed.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from annette.devices.arm_ethos_u.fit import assumed_by_formula
from annette.devices.arm_ethos_u.targets import Target, known_mapping
from annette.models.tiled_roofline import TiledRoofline
from annette.platforms import dump_platform, load_platform


def main() -> None:
    """Runs the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    for file in parser.parse_args().files:
        platform = load_platform(file)
        formula = next(
            model
            for models in platform.models.values()
            for model in models.values()
            if isinstance(model, TiledRoofline)
        )
        exact = [kind for kind, family in platform.preferred_by_kind.items() if family == "tiled-roofline"]
        models, reasons = assumed_by_formula(
            exact, platform.models.keys(), formula, shram=not platform.device.startswith("ethos-u85")
        )
        family = dict.fromkeys(models, "tiled-roofline")
        known = known_mapping(Target.choose(*platform.device.split(", ")).described())
        context = known.context if known is not None else platform.mapping.context
        dump_platform(
            replace(
                platform,
                mapping=replace(platform.mapping, context=context),
                models={**platform.models, **models},
                preferred_by_kind={**platform.preferred_by_kind, **family},
                assumed={**platform.assumed, **reasons},
            ),
            file,
        )


if __name__ == "__main__":
    main()
