"use strict";
const $ = (id) => document.getElementById(id);
const PREVIEW = 512; // longest side of the copy that is edited while one chooses
const WORDS = { ready: "ready", sending: "sending", waiting: "waiting", running: "being edited", done: "done", failed: "failed" };
const pictures = []; // {file, url, state, error, choice, job, number, name, result, row}
let models = [], limits = {}, shown = null, previewing = null, timer = 0, ticking = false;

// --- the service ------------------------------------------------------------------------------------------------
const key = () => sessionStorage.getItem("nasjax-key");
const headers = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

async function call(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: headers() });
  if (answer.ok) return answer;
  if (answer.status === 401) lock();
  const said = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(said.detail || `the service answers ${answer.status}`), { status: answer.status });
}

function lock() {
  $("unlock").hidden = false;
  say(key() ? "This key is not the service's." : "This service asks for its key.", true);
}

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

async function start() {
  try {
    ({ models, limits } = await (await call("v1/models")).json());
  } catch (error) {
    if (error.status !== 401) say(error.message, true);
    return;
  }
  $("unlock").hidden = true;
  say("");
  $("model").replaceChildren(...models.map((model) => new Option(model.name, model.name)));
  chooseModel();
}

// --- choices ----------------------------------------------------------------------------------------------------
const model = () => models.find((each) => each.name === $("model").value);
const lacksStyle = () => model()?.style && !$("style").files.length;

function chooseModel() {
  const { title = "", scale = 1, strength, style } = model() || {};
  $("about").textContent = title + (scale > 1 ? `, ${scale} times as wide and high` : "");
  $("strength-field").hidden = !strength;
  $("style-field").hidden = !style;
  choose();
}

function choose() {
  $("strength-shown").textContent = `${$("strength").value} %`;
  pictures.forEach(draw);
  drawButtons();
  preview();
}

/** All that decides about a result, as a text. */
function choice() {
  const file = model()?.style && $("style").files[0];
  const style = file ? [file.name, file.size, file.lastModified] : [];
  return JSON.stringify([$("model").value, model()?.strength && $("strength").value, $("wrap").checked, $("format").value, ...style]);
}

/** Whether a picture has ended by another choice; what was made by it can be downloaded until it is made anew. */
const again = (each) => ["done", "failed"].includes(each.state) && each.choice !== choice();

function form(files, { whole }) {
  const data = new FormData();
  data.append("model", model().name);
  if (model().strength) data.append("strength", $("strength").value / 100);
  if ($("wrap").checked) data.append("wrap", "true");
  if (whole && $("format").value) data.append("format", $("format").value);
  if (!whole) data.append("format", "png");
  if (model().style) data.append("style", $("style").files[0]);
  for (const [name, file] of files) data.append("picture", file, name);
  return data;
}

// --- before and after -------------------------------------------------------------------------------------------
async function smallCopy(file) {
  const whole = await createImageBitmap(file);
  const factor = Math.min(1, PREVIEW / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * factor));
  canvas.height = Math.max(1, Math.round(whole.height * factor));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function preview() {
  clearTimeout(timer);
  previewing?.abort();
  if (shown && !(shown.result && !again(shown))) timer = setTimeout(runPreview, 250);
}

async function runPreview() {
  const each = shown, stop = (previewing = new AbortController());
  if (!each || !model()) return;
  if (lacksStyle()) return caption(each, "choose a style to see it after");
  try {
    const copy = (each.copy ??= await smallCopy(each.file).catch(() => null));
    if (!copy) return caption(each, "this browser cannot show it, the service may edit it all the same");
    caption(each, "preview is being made");
    const answer = await call("v1/edit", { method: "POST", body: form([["preview.png", copy]], { whole: false }), signal: stop.signal });
    const blob = await answer.blob();
    if (stop.signal.aborted || shown !== each) return;
    showAfter(URL.createObjectURL(blob));
    caption(each, "preview on a small copy");
  } catch (error) {
    if (stop.signal.aborted || shown !== each) return;
    caption(each, `no preview: ${error.message}`);
    if (error.status === 429 || error.status === undefined) timer = setTimeout(runPreview, 2000);
  }
}

function caption(each, text) { $("caption").textContent = `${each.file.name}: ${text}`; }

function showAfter(url) {
  const old = $("after").src;
  if (old.startsWith("blob:")) URL.revokeObjectURL(old);
  $("after").hidden = $("compare").querySelector(".line").hidden = !url;
  if (url) $("after").src = url; else $("after").removeAttribute("src");
}

async function show(each) {
  shown = each;
  for (const other of pictures) other.row.querySelector(".thumb").setAttribute("aria-current", String(other === each));
  $("compare").hidden = !each;
  showAfter("");
  if (!each) return void ($("caption").textContent = "Choose pictures, and the first one is shown here before and after, as a small preview.");
  $("before").src = each.url;
  caption(each, "");
  if (each.result && !again(each)) await showResult(each);
  else preview();
}

async function showResult(each) {
  try {
    const blob = await result(each);
    if (shown !== each) return;
    showAfter(URL.createObjectURL(blob));
    caption(each, "edited" + (each.notes?.length ? ` (${each.notes.join("; ")})` : ""));
  } catch (error) {
    caption(each, error.message);
  }
}

const result = async (each) => (await call(`v1/jobs/${each.job}/pictures/${each.number}`)).blob();

// --- pictures ---------------------------------------------------------------------------------------------------
function add(files) {
  for (const file of files) {
    const each = { file, url: URL.createObjectURL(file), state: "ready", choice: choice(), row: $("picture").content.cloneNode(true).firstElementChild };
    const { row } = each;
    row.querySelector("img").onerror = () => row.querySelector(".thumb").classList.add("blank");
    row.querySelector("img").src = each.url;
    row.querySelector(".name").textContent = file.name;
    row.querySelector(".thumb").setAttribute("aria-label", `Show ${file.name}`);
    row.querySelector(".thumb").onclick = () => show(each);
    row.querySelector(".remove").onclick = () => remove(each);
    row.querySelector(".retry").onclick = () => send([each]);
    row.querySelector(".get").onclick = () => save(each);
    for (const kind of ["remove", "retry", "get"]) {
      const button = row.querySelector(`.${kind}`);
      button.setAttribute("aria-label", `${button.textContent} ${file.name}`);
    }
    if (limits.max_bytes && file.size > limits.max_bytes) Object.assign(each, { state: "failed", error: `more than ${Math.round(limits.max_bytes / 2 ** 20)} MiB` });
    pictures.push(each);
    $("pictures").append(row);
    draw(each);
  }
  drawButtons();
  if (!shown && pictures.length) show(pictures[0]);
}

function remove(each) {
  const at = pictures.indexOf(each), next = pictures[at + 1] || pictures[at - 1] || null;
  pictures.splice(at, 1);
  each.row.remove();
  URL.revokeObjectURL(each.url);
  if (each.job && !pictures.some((other) => other.job === each.job)) call(`v1/jobs/${each.job}`, { method: "DELETE" }).catch(() => {});
  if (shown === each) show(next);
  (next ? next.row.querySelector(".remove") : $("files")).focus();
  drawButtons();
}

function draw(each) {
  const { row } = each, bar = row.querySelector("progress"), busy = ["sending", "running"].includes(each.state);
  row.dataset.state = each.state;
  const more = each.error ? `: ${each.error}` : each.state === "done" && again(each) ? ", by the choices before" : "";
  row.querySelector(".state").textContent = WORDS[each.state] + more;
  bar.hidden = !busy;
  bar.setAttribute("aria-label", `Progress of ${each.file.name}`);
  if (each.state === "running") bar.removeAttribute("value");
  else bar.value = each.sent || 0;
  row.querySelector(".retry").hidden = each.state !== "failed";
  row.querySelector(".get").hidden = each.state !== "done";
}

const open = () => pictures.filter((each) => each.state === "ready" || again(each));

function drawButtons() {
  const number = open().length;
  $("edit").textContent = number ? `Edit ${number} picture${number > 1 ? "s" : ""}` : "Edit";
  $("edit").disabled = !number || !model() || lacksStyle();
  $("download").disabled = !pictures.some((each) => each.state === "done");
}

// --- jobs -------------------------------------------------------------------------------------------------------
async function editAll() {
  const all = open(), most = Math.max(1, Math.floor((limits.queue || 64) / 2));
  for (let i = 0; i < all.length; i += most) await send(all.slice(i, i + most));
}

/** Send pictures as one job; while the service is full, come again when it says so. */
async function send(some) {
  const mark = (state, error = "") => some.forEach((each) => { Object.assign(each, { state, error, result: false }); draw(each); });
  const by = choice(); // of this moment; while it is made, another may be chosen
  some.forEach((each) => Object.assign(each, { choice: by }));
  mark("sending");
  drawButtons();
  const body = form(some.map((each) => [each.file.name, each.file]), { whole: true });
  for (let tries = 0; ; tries++) {
    const { status, answer, after } = await upload(body, some);
    if (status === 202) {
      some.forEach((each, number) => Object.assign(each, { job: answer.id, number }));
      take(answer);
      tick();
      return;
    }
    if ((status === 429 || status === 503) && tries < 20) {
      say(`The service is busy; trying again in ${after} s.`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * after));
      continue;
    }
    if (status === 401) lock();
    mark("failed", answer?.detail || "the service cannot be reached");
    drawButtons();
    return;
  }
}

/** XMLHttpRequest, which tells how much is sent. */
function upload(body, some) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", "v1/jobs");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded }) => {
      let left = loaded;
      for (const each of some) {
        each.sent = Math.max(0, Math.min(100, (100 * left) / Math.max(1, each.file.size)));
        left -= each.file.size;
        draw(each);
      }
    };
    request.onloadend = () => resolve({ status: request.status, answer: request.response, after: Number(request.getResponseHeader("Retry-After")) || 2 });
    request.send(body);
  });
}

function take(job) {
  for (const each of pictures.filter((each) => each.job === job.id)) {
    const { state, error, notes, name } = job.pictures[each.number];
    const ended = state !== each.state && state === "done";
    Object.assign(each, { state, error, notes, name, result: state === "done" });
    draw(each);
    if (ended && shown === each && !again(each)) showResult(each);
  }
  drawButtons();
}

async function tick() {
  if (ticking) return;
  ticking = true;
  for (;;) {
    const jobs = new Set(pictures.filter((each) => ["waiting", "running"].includes(each.state)).map((each) => each.job));
    if (!jobs.size) break;
    for (const job of jobs) {
      try {
        take(await (await call(`v1/jobs/${job}`)).json());
      } catch (error) {
        if (error.status !== 404) { say("The service does not answer; still trying.", true); continue; }
        pictures.filter((each) => each.job === job).forEach((each) => { Object.assign(each, { state: "failed", error: error.message }); draw(each); });
      }
      const ended = pictures.filter((each) => ["done", "failed"].includes(each.state)).length;
      say(`${ended} of ${pictures.length} pictures have ended.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  ticking = false;
  drawButtons();
}

// --- downloads --------------------------------------------------------------------------------------------------
function keep(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function save(each) {
  try { keep(await result(each), each.name); } catch (error) { say(error.message, true); }
}

async function saveAll() {
  const done = pictures.filter((each) => each.state === "done");
  if (done.length === 1) return save(done[0]);
  const jobs = [...new Set(done.map((each) => each.job))], left = [];
  for (const [i, job] of jobs.entries()) {
    const name = jobs.length > 1 ? `pictures-${i + 1}.zip` : "pictures.zip";
    // One that has not ended, or that is gone, keeps nobody from the others.
    try { keep(await (await call(`v1/jobs/${job}/result`)).blob(), name); } catch (error) { left.push(`${name}: ${error.message}`); }
  }
  if (left.length) say(left.join("; "), true);
}

// --- wiring -----------------------------------------------------------------------------------------------------
$("unlock").onsubmit = (event) => { event.preventDefault(); sessionStorage.setItem("nasjax-key", $("key").value); start(); };
$("model").onchange = chooseModel;
$("strength").oninput = $("format").onchange = $("wrap").onchange = choose;
$("style").onchange = choose;
$("files").onchange = () => { add([...$("files").files]); $("files").value = ""; };
$("edit").onclick = editAll;
$("download").onclick = saveAll;
$("slider").oninput = () => $("compare").style.setProperty("--at", `${$("slider").value}%`);
document.addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
document.addEventListener("drop", (event) => { event.preventDefault(); $("drop").classList.remove("over"); add([...event.dataTransfer.files]); });
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) add([...event.clipboardData.files]); });
start();
