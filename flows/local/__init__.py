"""What `acci up` runs on this machine: the Prefect server, the deployments, a worker; each a process of its own."""
