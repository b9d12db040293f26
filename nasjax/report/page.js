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

  const copyButtons = () => all(".code pre").forEach((pre) => {
    const button = element("button", "Copy", pre.parentElement);
    button.type = "button";
    button.addEventListener("click", async () => {
      button.textContent = (await copy(pre.textContent)) ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  });

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

  const warp = (log, value) => (log ? Math.log(value) : value);
  const place = ([low, high, start, stop], log, value) => {
    const inside = Math.min(Math.max(value, low), high);
    return start + ((warp(log, inside) - warp(log, low)) / (warp(log, high) - warp(log, low))) * (stop - start);
  };

  const located = (svg, rows) => {
    const scale = JSON.parse(svg.dataset.scale);
    const cost = svg.dataset.cost;
    return rows.filter((row) => cost in row.x).map((row) => ({
      row, x: place(scale.x, scale.log, row.x[cost]), y: place(scale.y, false, row.y), front: row.front.includes(cost),
    }));
  };

  const nearest = (points, x, y, reach) => {
    let best = null;
    let least = reach * reach;
    for (const point of points) {
      // Members of the front are what readers look for: of two points close to each other the one on the front wins.
      const distance = ((point.x - x) ** 2 + (point.y - y) ** 2) * (point.front ? 0.5 : 1);
      if (distance < least) [best, least] = [point, distance];
    }
    return best;
  };

  const describe = (tip, row, message) => {
    tip.replaceChildren();
    const list = element("dl", undefined, tip);
    row.facts.forEach(([name, value]) => { element("dt", name, list); element("dd", value, list); });
    element("code", row.arch, tip);
    element("p", message, tip);
  };

  const beside = (tip, figure, svg, point) => {
    if (getComputedStyle(tip).position !== "absolute") return;
    const frame = figure.getBoundingClientRect();
    const box = svg.getBoundingClientRect();
    const unit = box.width / svg.viewBox.baseVal.width;
    const x = box.left - frame.left + point.x * unit;
    const y = box.top - frame.top + point.y * unit;
    tip.style.left = (x + 18 + tip.offsetWidth > frame.width ? Math.max(0, x - 18 - tip.offsetWidth) : x + 18) + "px";
    tip.style.top = Math.max(0, Math.min(y - 30, frame.height - tip.offsetHeight)) + "px";
  };

  const plot = (figure, svg, rows, tip) => {
    const points = located(svg, rows);
    const line = points.filter((point) => point.front).sort((a, b) => a.x - b.x);
    const cursor = svg.querySelector(".cursor");
    let current = null;
    const show = (point, message) => {
      current = point;
      tip.hidden = !point;
      cursor.setAttribute("visibility", point ? "visible" : "hidden");
      if (!point) return;
      cursor.setAttribute("cx", point.x);
      cursor.setAttribute("cy", point.y);
      describe(tip, point.row, message || "Click, or tap again, to copy the network.");
      beside(tip, figure, svg, point);
    };
    const take = async () => {
      if (current) show(current, (await copy(current.row.arch)) ? "Copied." : "Could not be copied.");
    };
    const under = (event, reach) => {
      const box = svg.getBoundingClientRect();
      const unit = svg.viewBox.baseVal.width / box.width;
      return nearest(points, (event.clientX - box.left) * unit, (event.clientY - box.top) * unit, reach * unit);
    };
    svg.addEventListener("pointermove", (event) => {
      const point = event.pointerType === "mouse" ? under(event, 26) : null;
      if (event.pointerType === "mouse" && point !== current) show(point);
    });
    svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(null); });
    svg.addEventListener("click", (event) => {
      const point = under(event, 40);
      // The first tap shows a candidate, the second copies it; a mouse has shown it already.
      if (point && point === current) take();
      else show(point);
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step && line.length) {
        event.preventDefault();
        const at = line.indexOf(current);
        show(line[at < 0 ? (step > 0 ? 0 : line.length - 1) : Math.min(Math.max(at + step, 0), line.length - 1)]);
      } else if (event.key === "Enter") take();
      else if (event.key === "Escape") show(null);
    });
    svg.addEventListener("blur", () => show(null));
    return () => show(null);
  };

  const pareto = () => {
    const figure = document.getElementById("plot");
    if (!figure) return;
    const rows = JSON.parse(document.getElementById("candidates").textContent);
    const tip = figure.querySelector(".tip");
    const clear = all("svg.plot", figure).map((svg) => plot(figure, svg, rows, tip));
    all("[data-show]", figure).forEach((button, _, buttons) => button.addEventListener("click", () => {
      figure.dataset.cost = button.dataset.show;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      clear.forEach((hide) => hide());
    }));
  };

  const duration = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`);

  const age = () => {
    const live = document.querySelector("[data-updated]");
    if (!live) return;
    const since = Math.max(0, Date.now() / 1000 - live.dataset.updated);
    const silent = since > live.dataset.silence ? ": the run may have been interrupted." : ".";
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
      try { sessionStorage.setItem(location.pathname, JSON.stringify({ top: scrollY, open })); } catch { /* only the place is lost */ }
      location.reload();
    }, footer.dataset.refresh * 1000);
  };

  const restore = () => {
    try {
      const kept = JSON.parse(sessionStorage.getItem(location.pathname));
      sessionStorage.removeItem(location.pathname);
      if (!kept) return;
      all("details").forEach((entry, i) => { entry.open = Boolean(kept.open[i]); });
      root.style.scrollBehavior = "auto";
      scrollTo(0, kept.top);
      root.style.scrollBehavior = "";
    } catch { /* without session storage the page opens at its top */ }
  };

  addEventListener("beforeprint", () => all("details").forEach((entry) => { entry.open = true; }));
  copyButtons();
  sliders();
  pareto();
  restore();
  refresh();
})();
