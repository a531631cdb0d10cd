"""What `acci doctor` looks at: whether the installation is fit to run, and what to do where it is not.

Nothing is changed, and no right of a superuser is needed. Begin with `examination`, which has the lists of checks.
"""
