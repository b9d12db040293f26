"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));

  const element = (name, text, parent) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };

  // A page opened from disk may have no clipboard access, so the old way is kept as a second try.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = element("textarea", text, document.body);
      area.className = "hide";
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };

  const copyable = (pre) => {
    const button = element("button", "Copy", pre.parentElement);
    button.type = "button";
    button.addEventListener("click", async () => {
      button.textContent = (await copy(pre.textContent)) ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  };

  const sliders = () => all(".slider").forEach((slider) => {
    const box = slider.querySelector(".compare");
    const layers = all("img", box);
    const range = box.querySelector("input");
    const move = () => box.style.setProperty("--at", range.value + "%");
    range.addEventListener("input", move);
    move();
    const show = () => {
      layers.forEach((layer) => layer.removeAttribute("data-role"));
      const [left, right] = ["left", "right"].map((side) => layers[+slider.querySelector(`[data-side=${side}]`).value]);
      right.dataset.role = "right";
      left.dataset.role = "left";
    };
    all("select", slider).forEach((select) => select.addEventListener("change", show));
    show();
  });

  // Charts come packed: base64 of gzip. The scripts that draw them run by their hash in the policy of this page.
  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };

  const THEME = () => ({
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: {
      labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--rule)", domainColor: "var(--soft)",
      tickColor: "var(--rule)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8, labelOverlap: true,
    },
    axisX: { grid: false }, axisY: { domain: false, ticks: false },
    legend: { labelColor: "var(--fg)", labelFontSize: 12.5, symbolSize: 80, rowPadding: 4, columnPadding: 14, offset: 12 },
  });

  // Without `eval`, which the policy forbids; as SVG, whose colours are those of the page in daylight and in the dark.
  const draw = async (box, known) => {
    const spec = known.charts[box.dataset.chart];
    if (!spec || box.dataset.drawn) return;
    box.dataset.drawn = "yes";
    const shared = spec.data.name;
    const whole = { ...spec, width: "container", autosize: { type: "fit-x", contains: "padding" } };
    if (shared) whole.datasets = { [shared]: known.data[shared] };
    const options = { mode: "vega-lite", actions: false, renderer: "svg", ast: true, defaultStyle: false, config: THEME() };
    const { view } = await vegaEmbed(box, whole, { ...options, tooltip: { disableDefaultStyle: true } });
    // Legends have as many columns as the width allows, which is only known once there is one: a second layout.
    const fit = () => view.resize().runAsync();
    addEventListener("resize", fit);
    await fit();
    if (spec.usermeta && spec.usermeta.front) walk(box, view, spec.usermeta, known.data[shared]);
  };

  // An old browser, or damaged figures: the tables are there, and the page says what is missing.
  const failed = (box, error) => {
    box.textContent = "This chart could not be drawn here; see the tables.";
    console.error(error);
  };

  const visible = (box) => box.getClientRects().length > 0;

  const charts = async () => {
    const boxes = all("[data-chart]");
    if (!boxes.length) return;
    const [known, source] = [JSON.parse(await unpack("charts")), await unpack("vega")];
    element("script", source, document.head);
    const one = (box) => draw(box, known).catch((error) => failed(box, error));
    const waiting = () => boxes.filter(visible).reduce((before, box) => before.then(() => one(box)), Promise.resolve());
    all("details").forEach((entry) => entry.addEventListener("toggle", waiting));
    all("[data-views]").forEach((select) => {
      const choose = () => all(".pareto .view").forEach((view, i) => { view.hidden = i !== select.selectedIndex; });
      choose();
      select.addEventListener("change", () => {
        choose();
        say(null);
        waiting();
      });
    });
    await waiting();
    settle();
    root.dataset.drawn = "yes";
  };

  // The candidate that was clicked, or reached along the front by the arrow keys: its figures, and its text to copy.
  const say = (row, facts) => {
    const place = document.querySelector(".picked");
    place.replaceChildren();
    place.hidden = !row;
    if (!row) return;
    const list = element("dl", undefined, place);
    const fact = (name, value) => {
      const pair = element("div", undefined, list);
      element("dt", name, pair);
      element("dd", value, pair);
    };
    facts.filter(({ name }) => row[name] !== null).forEach(({ name, title, format }) => fact(title, vega.defaultLocale().format(format)(row[name])));
    fact("Stage", row.what + (row.generation ? `, generation ${row.generation}` : ""));
    if (!row.kept) fact("Budget", "exceeded");
    const block = element("div", undefined, place);
    block.className = "code";
    const pre = element("pre", undefined, block);
    element("code", row.arch, pre);
    copyable(pre);
  };

  const walk = (box, view, { front, facts }, rows) => {
    const byId = new Map(rows.map((row) => [row.id, row]));
    let current = null;
    const pick = (row) => {
      current = row;
      view.signal("picked", row ? row.id : -1).run();
      say(row, facts);
    };
    view.addEventListener("click", (event, item) => {
      // A point that is nearest to the pointer is wrapped once more.
      const datum = item && item.datum && (item.datum.datum || item.datum);
      pick((datum && byId.get(datum.id)) || null);
    });
    box.parentElement.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step && front.length) {
        event.preventDefault();
        const at = current ? front.indexOf(current.id) : -1;
        const next = at < 0 ? (step > 0 ? 0 : front.length - 1) : Math.min(Math.max(at + step, 0), front.length - 1);
        pick(byId.get(front[next]) || null);
      } else if (event.key === "Escape") pick(null);
    });
  };

  const duration = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`);

  const age = () => {
    const live = document.querySelector("[data-updated]");
    if (!live) return;
    const since = Math.max(0, Date.now() / 1000 - live.dataset.updated);
    const silent = since > live.dataset.silence ? ": the run may have been killed. The same command goes on from where it was." : ".";
    live.querySelector("[data-age]").textContent = `Last news ${duration(since)} ago${silent}`;
  };

  // A live page reloads only while it is in view and has been left alone, and then opens where it was.
  const refresh = () => {
    const footer = document.querySelector("[data-refresh]");
    if (!footer) return;
    let touched = 0;
    const busy = () => { touched = Date.now(); };
    ["pointermove", "pointerdown", "keydown", "scroll", "input"].forEach((kind) => addEventListener(kind, busy, { passive: true }));
    age();
    setInterval(age, 1000);
    setInterval(() => {
      if (document.hidden || Date.now() - touched < 5000) return;
      const open = all("details").map((entry) => entry.open);
      const lists = all("select").map((select) => select.selectedIndex);
      try { sessionStorage.setItem(location.pathname, JSON.stringify({ top: scrollY, open, lists })); } catch { /* only the place is lost */ }
      location.reload();
    }, footer.dataset.refresh * 1000);
  };

  const jump = (top) => {
    root.style.scrollBehavior = "auto";
    scrollTo(0, top);
    root.style.scrollBehavior = "";
  };

  let settle = () => {};
  const restore = () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem(location.pathname));
      sessionStorage.removeItem(location.pathname);
      if (!kept) return;
      all("details").forEach((entry, i) => { entry.open = Boolean(kept.open[i]); });
      all("select").forEach((select, i) => { if (kept.lists[i] < select.length) select.selectedIndex = kept.lists[i]; });
      jump(kept.top);
      // Charts that are drawn above it have moved it by what their space lacked; a reader who went on is left alone.
      settle = () => { if (Math.abs(scrollY - kept.top) < 40) jump(kept.top); };
    } catch { /* without session storage the page opens at its top */ }
  };

  addEventListener("beforeprint", () => all("details").forEach((entry) => { entry.open = true; }));
  all(".code pre").forEach(copyable);
  restore();
  sliders();
  refresh();
  charts().catch((error) => all("[data-chart]").forEach((box) => failed(box, error)));
})();
