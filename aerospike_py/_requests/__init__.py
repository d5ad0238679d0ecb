"""From arguments to requests: a module for each kind of command, a function for each command.

The functions check the arguments, before anything is sent, and take the policies of the client that
asks. How a request is carried out, and whether somebody waits for it or awaits it, is not their
business.
"""
