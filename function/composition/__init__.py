"""From a claim and what is observed to what should be in the cluster; no protobuf, nothing of the caller comes in."""
