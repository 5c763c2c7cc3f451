"""What the wheel carries beside the code: the data sets, or the toy alone.

``GNNREC_WITHOUT_DATA=1 pip install .`` leaves out the data sets of others, two of which are for
non-commercial use.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = "data/toy" if os.environ.get("GNNREC_WITHOUT_DATA") else "data"
        build_data["force_include"][folder] = folder.replace("data", "gnnrec_helpers/_data", 1)
