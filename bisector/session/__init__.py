"""From a request to findings; the only room that knows all the others."""
