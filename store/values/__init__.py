"""Values: what PostgreSQL and Python can both hold, and text from outside, read strictly.

Pure: nothing here connects to anything. Begin with `strict_json` and `timestamps`.
"""
