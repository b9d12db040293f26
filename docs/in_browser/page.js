"use strict";
// The page: files in, pixels to the worker and back, before and after. The network runs in worker.js.
const $ = (id) => document.getElementById(id);
const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();
let numbers = 0, card = {}, inputs = null, name = "picture", shown = null, result = null, timer = 0;

worker.onmessage = ({ data: { id, error, ...found } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error) reject(new Error(error)); else resolve(found);
};
worker.onerror = () => say("onnxruntime-web is not beside this page: see the tutorial on how to put it there");

/** Ask the worker; a promise of its answer. */
const ask = (message) => new Promise((resolve, reject) => {
  const id = numbers++;
  waiting.set(id, { resolve, reject });
  worker.postMessage({ id, ...message });
});
const say = (text) => { $("status").textContent = text; };
const styled = () => inputs?.includes("style");

async function pixels(file) {
  const image = await createImageBitmap(file);
  const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}

function chooseModel() {
  const files = [...$("model").files], model = files.find((file) => file.name.endsWith(".onnx"));
  const described = files.find((file) => file.name.endsWith(".json"));
  if (!model) return say("choose a file that ends with .onnx");
  load(model.name, () => described ? described.text() : "{}", () => model.arrayBuffer());
}

/** One of those beside the page; a file is asked for where it is none of them. */
function chooseShipped() {
  const name = $("shipped").value;
  $("model-label").hidden = name !== "";
  if (name) load(name, async () => (await fetched(`models/${name}.json`)).text(), async () => (await fetched(`models/${name}.onnx`)).arrayBuffer());
}

async function fetched(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

async function load(called, describe, read) {
  try {
    inputs = null;
    card = JSON.parse(await describe());
    ({ inputs } = await ask({ model: await read() }));
    say(`${card.name || called} is loaded`);
    $("style-label").hidden = !styled();
    run();
  } catch (error) { say(`this network cannot be used: ${error.message}`); }
}

/** What models.json names, which scripts/build_browser_page.py writes. */
async function offer() {
  const names = await (await fetched("models.json")).json();
  for (const name of names) $("shipped").add(new Option(name, name));
  $("shipped-label").hidden = names.length === 0;
  if (names.length) { $("shipped").value = names[0]; chooseShipped(); }
}

async function run() {
  const [file] = $("picture").files, [style] = $("style").files;
  if (!inputs || !file || (styled() && !style)) return;
  const begun = performance.now();
  try {
    say("working");
    shown = await pixels(file);
    name = file.name.replace(/\.[^.]*$/, "");
    const images = styled() ? { content: shown, style: await pixels(style) } : { [inputs[0]]: shown };
    const found = await ask({ images, alpha: $("strength").value / 100, card });
    result = new ImageData(found.rgba, found.width, found.height);
    say(`${result.width} x ${result.height} in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    $("strength-label").hidden = !styled() && result.width !== shown.width;
    draw();
  } catch (error) { say(`this picture cannot be edited: ${error.message}`); }
}

function draw() {
  const after = styled() || result.width !== shown.width ? result : blended($("strength").value / 100);
  for (const [canvas, image] of [[$("before"), shown], [$("after"), after]]) {
    Object.assign(canvas, { width: image.width, height: image.height });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }
  $("compare").hidden = $("download").disabled = false;
}

/** The picture on its way to the result. */
function blended(strength) {
  const mixed = new ImageData(shown.width, shown.height);
  for (let i = 0; i < mixed.data.length; i++) mixed.data[i] = shown.data[i] + strength * (result.data[i] - shown.data[i]);
  return mixed;
}

function strengthen() {
  clearTimeout(timer);
  if (styled()) timer = setTimeout(run, 300); else if (result) draw();
}

$("model").onchange = chooseModel;
$("shipped").onchange = chooseShipped;
$("picture").onchange = $("style").onchange = run;
$("strength").oninput = strengthen;
$("slider").oninput = () => $("compare").style.setProperty("--at", `${$("slider").value}%`);
$("download").onclick = () => $("after").toBlob((blob) => {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${name}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});
offer().catch(() => {});
