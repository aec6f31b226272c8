"""Which operation makes which of the 22 subtasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from unicedit_assets.synthetic import object_edits, scene_edits
from unicedit_assets.synthetic.compose import Draw
from unicedit_assets.synthetic.edit import Edit

EDITS: Mapping[str, Callable[[Draw], Edit]] = MappingProxyType(
    {
        "Subject Addition": object_edits.add,
        "Subject Removal": object_edits.remove,
        "Subject Replacement": object_edits.substitute,
        "Object Extraction": object_edits.extract,
        "Counting Change": object_edits.count,
        "Portrait Editing": object_edits.portrait,
        "Text Modification": object_edits.lettering,
        "Color Alteration": object_edits.recolour,
        "Material Modification": object_edits.material,
        "Texture Editing": object_edits.texture,
        "Shape-Size Alteration": object_edits.resize,
        "Motion Change": object_edits.motion,
        "Background Change": scene_edits.background,
        "Style Transfer": scene_edits.style,
        "Tone Transformation": scene_edits.tone,
        "Viewpoint Transformation": scene_edits.viewpoint,
        "Lens Zooming": scene_edits.zoom,
        "Spatial Reasoning Edits": scene_edits.spatial,
        "Relation Change": scene_edits.relation,
        "Multi-object Coordination": scene_edits.coordination,
        "Compound Operation Edits": scene_edits.compound,
        "Implicit Change Edits": scene_edits.implicit,
    }
)
