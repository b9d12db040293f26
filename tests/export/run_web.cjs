// Runs graphs in onnxruntime-web: lines of JSON in, {model, inputs}, and a line of JSON out for each.
const fs = require("fs");
const readline = require("readline");
const ort = require("onnxruntime-web");

async function run({ model, inputs }) {
  const session = await ort.InferenceSession.create(fs.readFileSync(model), { executionProviders: ["wasm"] });
  const feeds = {};
  for (const [name, { dims, values }] of Object.entries(inputs)) {
    feeds[name] = new ort.Tensor("float32", Float32Array.from(values), dims);
  }
  const output = (await session.run(feeds))[session.outputNames[0]];
  const found = { dims: output.dims, values: Array.from(output.data) };
  await session.release();
  return found;
}

async function main() {
  ort.env.wasm.numThreads = 1;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await run(JSON.parse(line))));
  }
}

main();
