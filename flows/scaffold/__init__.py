"""What `acci new` makes: a user's project in a new folder, and one thing's files in a project that is there.

Begin with `project`. What is made is in `templates`, file by file.
"""
