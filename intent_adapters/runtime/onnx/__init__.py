"""The base in ONNX Runtime: exported once, with the bottlenecks of any agents as inputs of the graph."""
