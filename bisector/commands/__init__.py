"""The subcommands, each a module with a ``run``: words -> request -> output -> exit status."""

NAMES = (
    *("check", "completion", "config", "export", "help", "open", "probe", "probes", "releases"),
    *("report", "results", "serve", "table", "why"),
)
"""Those that are named on the command line; without a name it is ``search``."""
