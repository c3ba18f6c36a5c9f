"""A stand-in for a training: it says where it runs, counts epochs, and keeps its loss in results/."""

import os
import socket
import sys
import time
from pathlib import Path

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 600
print("on", socket.gethostname(), "with GPU", os.environ.get("CUDA_VISIBLE_DEVICES", "none"), flush=True)
for epoch in range(1, epochs + 1):
    time.sleep(1)
    print("epoch", epoch, "of", epochs, "loss", round(1 / epoch, 3), flush=True)
    with Path("results/loss.txt").open("a") as file:
        file.write(f"{epoch} {1 / epoch:.3f}\n")
