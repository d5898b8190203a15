"""The objects for Kubernetes as a Helm chart: the same ones, with values where clusters differ."""
