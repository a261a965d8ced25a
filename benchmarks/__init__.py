"""How fast and how large, as ratios against baselines measured in the same run."""
