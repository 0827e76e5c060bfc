import cloudpickle

assert cloudpickle.loads(cloudpickle.dumps(lambda: "eggs"))() == "eggs"
