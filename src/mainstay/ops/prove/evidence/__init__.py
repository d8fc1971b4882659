"""What a proof leaves behind: a folder that shows, to anyone and later, what was done and what was seen."""
