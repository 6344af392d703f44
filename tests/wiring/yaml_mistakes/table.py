"""Which mistakes does the check find, each planted into an experiment?"""

from __future__ import annotations

from wiring.yaml_mistakes import (
    files_and_keys,
    mappings_and_shapes,
    names_and_values,
    objects_and_steps,
    ranges_and_files,
)
from wiring.yaml_mistakes.planting import Planted

SECTIONS: dict[str, tuple[Planted, ...]] = {
    **files_and_keys.SECTIONS,
    **names_and_values.SECTIONS,
    **mappings_and_shapes.SECTIONS,
    **ranges_and_files.SECTIONS,
    **objects_and_steps.SECTIONS,
}
PLANTED = {f"{section}: {row.name}": row for section, rows in SECTIONS.items() for row in rows}
