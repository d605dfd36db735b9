"""Which games each database holds, as sets of 64-bit hashes, and which games are nowhere else."""
