"""What the pages call train.py: it takes any options, prints epochs and leaves figures and results."""

import json
import os
import sys
from pathlib import Path

given = sys.argv[1:]
options = (
    dict(zip(given[::2], given[1::2], strict=False)) if all(word.startswith("--") for word in given[::2]) else {}
)
for epoch in range(1, int(options.get("--epochs", 2)) + 1):
    print("epoch", epoch, flush=True)
# One of the combinations that the page on sweeps tries does not go well.
if (options.get("--lr"), options.get("--seed")) == ("1e-4", "9"):
    sys.exit("the loss is not a number")
(Path(os.environ["JIDO_RESULTS"]) / "metrics.json").write_text(json.dumps({"loss": 0.5}))
