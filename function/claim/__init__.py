"""The claim as frozen models, and what follows from it alone; nothing of Crossplane or of other rooms comes in."""
