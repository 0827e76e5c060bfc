"""A graph must be summed up in a line."""

import networkx as nx

print(nx.info(nx.path_graph(3)))
