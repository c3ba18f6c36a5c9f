#!/bin/bash
#SBATCH --time=10
#SBATCH --cpus-per-task=1
python3 train.py
