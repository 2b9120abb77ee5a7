"""The Value State Layer: where the runtime keeps values, nodes, edges and events."""
