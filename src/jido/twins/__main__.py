"""By hand until `jido twin` is there: python -m jido.twins up|look|down FOLDER."""

import sys
import time
from pathlib import Path

from jido.twins import down, look, spec_of, up
from jido.twins.maps import built_in

what, folder = sys.argv[1], Path(sys.argv[2])
started = time.time()
if what == "up":
    print(up(spec_of(built_in("aurora")), folder, plain="--plain" in sys.argv))
elif what == "look":
    print(look(folder))
else:
    print(down(folder, keep="--keep" in sys.argv))
print(f"{time.time() - started:.2f} s")
