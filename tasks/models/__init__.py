"""Networks and their training. The modules that need TensorFlow start it by `quiet_tensorflow`."""
