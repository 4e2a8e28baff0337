"""The picture of a program: who hands which data to whom, as data, as SVG and for Graphviz."""

from .drawing import svg
from .edges import graph
from .graphviz import dot
from .picture import Box, Edge, End, Graph, Terminal

__all__ = ["Box", "Edge", "End", "Graph", "Terminal", "dot", "graph", "svg"]
