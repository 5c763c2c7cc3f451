"""What the wheel carries beside the code: the data sets, or the toy alone.

``GNNREC_WITHOUT_DATA=1 pip install .`` leaves out the data sets of others, two of which are for
non-commercial use.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # file by file: what tools leave behind in the folder is not listed
        checksums = Path(self.root, "data", "SHA256SUMS").read_text(encoding="utf-8")
        files = [line.split()[1] for line in checksums.splitlines()]
        if os.environ.get("GNNREC_WITHOUT_DATA"):
            files = [file for file in files if file.startswith("toy/")]
        for file in ["README.md", *files]:
            build_data["force_include"][f"data/{file}"] = f"gnnrec_helpers/_data/{file}"
