"""The store on disk: blobs named by their hash, manifests, and the views over them."""
