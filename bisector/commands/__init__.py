"""The subcommands, each a module with a ``run``: words -> request -> output -> exit status."""
