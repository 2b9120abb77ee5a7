"""The Project Semantic Graph: what the runtime knows about a project, as nodes and edges."""
