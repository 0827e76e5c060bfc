import parso

assert parso.parse("spam = 1\n").children[0].type == "simple_stmt"
