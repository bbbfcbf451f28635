"""What may be compared with what, comparisons, gates, and the figures that they look at.

More modules than other rooms have: each is one rule of judging, which is read, tested and argued
about by itself.
"""
