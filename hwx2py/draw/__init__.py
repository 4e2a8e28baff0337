"""The picture of a program: who hands which data to whom, as data, as SVG and for Graphviz."""

from .dot import dot
from .graph import graph
from .model import Box, Edge, End, Graph, Terminal
from .svg import svg

__all__ = ["Box", "Edge", "End", "Graph", "Terminal", "dot", "graph", "svg"]
