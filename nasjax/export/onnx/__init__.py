"""Our own ONNX writer: a traced network becomes a graph, equation by equation, with dynamic batch, height and width."""
