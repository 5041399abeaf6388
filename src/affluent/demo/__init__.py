"""The demo's story, its vendors and the comparison of their records with ours."""
