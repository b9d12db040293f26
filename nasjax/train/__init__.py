"""The one trainer, for any task: players and losses go in, a state comes out that resumes to the bit."""
