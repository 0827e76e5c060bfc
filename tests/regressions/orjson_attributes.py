"""The attributes of an object must be serialised."""

import orjson


class Point:
    def __init__(self):
        self.x = 3
        self.y = 4


assert orjson.dumps(Point().__dict__) == b'{"x":3,"y":4}'
