"""Files that run inside execution environments, under the functions' interpreters: standard library only."""
