"""The process loop: runs and the sweeps around them."""
