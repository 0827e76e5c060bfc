from markupsafe import soft_unicode

assert soft_unicode("<b>") == "<b>"
