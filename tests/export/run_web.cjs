// Runs a graph in onnxruntime-web: node run_web.cjs MODEL, inputs as JSON on standard input, the output as JSON.
const fs = require("fs");
const ort = require("onnxruntime-web");

async function main() {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(fs.readFileSync(process.argv[2]), { executionProviders: ["wasm"] });
  const feeds = {};
  for (const [name, { dims, values }] of Object.entries(JSON.parse(fs.readFileSync(0, "utf8")))) {
    feeds[name] = new ort.Tensor("float32", Float32Array.from(values), dims);
  }
  const output = (await session.run(feeds))[session.outputNames[0]];
  console.log(JSON.stringify({ dims: output.dims, values: Array.from(output.data) }));
}

main();
