"""
Stands in for setuptools while pip fetches a source archive.

pip asks the build backend that an archive names for its metadata, even when it only downloads
it. The metadata lies in the archive already, so nothing needs to be built, and nothing that is not in the
lock needs to run.
"""
