"""The cells of examples/data_frames.ipynb run, one after the other."""

import json
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "data_frames.ipynb"


def test_the_cells_of_the_notebook() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    namespace: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), namespace)
    assert all(row.result == 0 for row in namespace["written"])
    assert (namespace["result"].batch_records["age"] == namespace["users"]["age"]).all()
    assert (namespace["result"].batch_records["score"] == namespace["users"]["score"]).all()
    assert list(namespace["means"].index) == [10, 20, 30, 40, 50, 60, 70]
    assert not namespace["client"].is_connected()
