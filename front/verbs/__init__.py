"""The verbs of the command line, one file each; see ``muxcast.cli`` for how they are found."""
