"""Side-by-side measurements: ours divided by what a project has without us, in one run on one machine."""
