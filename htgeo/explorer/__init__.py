"""The explorer: a store looked at in a browser, read as it is looked at; ``htgeo serve`` opens it."""
