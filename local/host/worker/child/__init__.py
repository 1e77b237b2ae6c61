"""What runs in the worker's process.

It is loaded there as one package under a private name, so that an app may name its own modules as it likes. That is why
these modules import each other relatively, and nothing else of this repository. What they share with the host, its
messages and log lines, the host imports from here.
"""
