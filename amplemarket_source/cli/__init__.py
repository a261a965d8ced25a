"""Private. The command line: what a person types, and what they read.

`main` is the program; it imports the module of a command when that command is used, so that its
own help is there at once.
"""
