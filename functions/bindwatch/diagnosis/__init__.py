"""The Workload Identity chain of one workload: its steps, the causes that break it, their fixes."""
