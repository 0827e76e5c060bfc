"""The installers, behind one interface."""
