"""Who does the outside work: files, stores, Google Cloud, Kubernetes."""
