// The network, beside the page: one thread, which needs no special headers of the server.
import * as ort from "./ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1;
let session = null;

self.onmessage = async ({ data: { id, model, images, alpha, card } }) => {
  try {
    if (model) {
      session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
      self.postMessage({ id, inputs: [...session.inputNames] });
      return;
    }
    const found = await run(images, alpha, card);
    self.postMessage({ id, ...found }, [found.rgba.buffer]);
  } catch (error) {
    self.postMessage({ id, error: error?.message || String(error) });
  }
};

async function run(images, alpha, { size_multiple = 1, min_size = 1 }) {
  const feeds = {}, [first] = Object.values(images);
  for (const [name, image] of Object.entries(images)) feeds[name] = tensor(image, size_multiple, min_size);
  if (session.inputNames.includes("alpha")) feeds.alpha = new ort.Tensor("float32", [alpha], []);
  const output = (await session.run(feeds))[session.outputNames[0]];
  const scale = output.dims[1] / Object.values(feeds)[0].dims[1];
  return unpacked(output, first, scale);
}

/** RGB in [-1, 1], `[1, height, width, 3]`; filled up by its border to sizes that the network takes. */
function tensor({ data, width, height }, multiple, least) {
  const full = (n) => Math.max(Math.ceil(n / multiple) * multiple, least);
  const [rows, columns] = [full(height), full(width)];
  const values = new Float32Array(rows * columns * 3);
  for (let y = 0, to = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const from = 4 * (Math.min(y, height - 1) * width + Math.min(x, width - 1));
      for (let c = 0; c < 3; c++) values[to++] = data[from + c] / 127.5 - 1;
    }
  }
  return new ort.Tensor("float32", values, [1, rows, columns, 3]);
}

/** The output as pixels, without what was filled up; transparency of the picture where it has the same size. */
function unpacked({ data, dims: [, , columns, channels] }, picture, scale) {
  const [height, width] = [picture.height * scale, picture.width * scale];
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 4) {
      const from = channels * (y * columns + x);
      for (let c = 0; c < 3; c++) rgba[to + c] = (data[from + Math.min(c, channels - 1)] + 1) * 127.5;
      rgba[to + 3] = scale === 1 ? picture.data[to + 3] : 255;
    }
  }
  return { rgba, width, height };
}
