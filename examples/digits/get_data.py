"""Write data/digits.csv.gz: 1,797 handwritten digits, the dataset that comes inside scikit-learn.

    python get_data.py [FOLDER]        default: data, beside this file

Run it on your own machine; jido carries the folder to the cluster. The dataset is the test part of
"Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998; CC BY 4.0): 43 people's digits, 8 x 8 pixels of 0 to 16.
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Copy the file out of the installed package, without the seconds that importing it takes."""
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise SystemExit("scikit-learn is not installed here; hint: pip install scikit-learn")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "data"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "digits.csv.gz"
    shutil.copyfile(Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz", target)
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
