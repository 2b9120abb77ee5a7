"""Network: the agents and services a context runs on."""

from __future__ import annotations

from typing import Literal

from mplp_runtime.model.base import Id, ProtocolObject, Text
from mplp_runtime.model.common import Governance, Module

Topology = Literal["single_node", "hub_spoke", "mesh", "hierarchical", "hybrid", "other"]
NetworkStatus = Literal["draft", "provisioning", "active", "degraded", "maintenance", "retired"]
NodeStatus = Literal["active", "inactive", "degraded", "unreachable", "retired"]


class NetworkNode(ProtocolObject):
    """One agent, service or other endpoint."""

    node_id: Id
    name: str | None = None
    kind: Literal["agent", "service", "database", "queue", "external", "other"]
    role_id: str | None = None
    status: NodeStatus


class Network(Module):
    """`nodes` is optional and may be empty."""

    governance: Governance | None = None
    network_id: Id
    context_id: Id
    name: Text
    description: str | None = None
    topology_type: Topology
    status: NetworkStatus
    nodes: list[NetworkNode] | None = None
