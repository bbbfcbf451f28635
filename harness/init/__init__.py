"""`harness init`: a project's app is found and looked at, and files to measure it are written."""
