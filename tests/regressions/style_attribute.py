"""A style that is allowed must be left where it is."""

import bleach

styled = '<p style="color: red">hi</p>'
print(bleach.clean(styled, tags=["p"], attributes=["style"], styles=["color"]))
