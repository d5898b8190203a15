"""A described process as objects of Kubernetes and OpenShift: a kustomize tree, Helm's source."""
