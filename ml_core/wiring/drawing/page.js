// The page of a wiring: move and zoom the drawing, follow keys, and show what a step or key is.
"use strict";
(() => {
  const { steps, keys, groups } = JSON.parse(document.getElementById("wiring").textContent);
  const canvas = document.getElementById("canvas");
  const panel = document.getElementById("panel");
  const search = document.getElementById("search");
  const svg = canvas.querySelector("svg");
  const whole = svg.viewBox.baseVal;
  const full = { width: whole.width, height: whole.height };
  const lines = [...svg.querySelectorAll("[data-of]")];
  const items = new Map([...Object.keys(steps), ...Object.keys(keys)].map((id) => [id, document.getElementById(id)]));
  let selected = null;

  // Move and zoom. `view` is the upper left corner of what is seen, and the number of pixels for a unit of the drawing.
  const view = { x: 0, y: 0, scale: 1 };
  svg.removeAttribute("width");
  svg.removeAttribute("height");

  function show() {
    const { clientWidth: width, clientHeight: height } = canvas;
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${width / view.scale} ${height / view.scale}`);
  }

  function fit(smallest) {
    const { clientWidth: width, clientHeight: height } = canvas;
    view.scale = Math.min(1.4, Math.max(smallest, Math.min(width / full.width, height / full.height)));
    view.x = Math.min((full.width - width / view.scale) / 2, full.width > width / view.scale ? 0 : Infinity);
    view.y = Math.min(0, (full.height - height / view.scale) / 2);
    show();
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const scale = Math.min(4, Math.max(0.05, view.scale * factor));
    view.x += x / view.scale - x / scale;
    view.y += y / view.scale - y / scale;
    view.scale = scale;
    show();
  }

  function move(dx, dy) {
    view.x += dx / view.scale;
    view.y += dy / view.scale;
    show();
  }

  function bring(id) {
    const box = items.get(id).getBoundingClientRect();
    const frame = canvas.getBoundingClientRect();
    const isInWidth = box.left > frame.left && box.right < frame.right;
    const isInHeight = box.top > frame.top && box.bottom < frame.bottom;
    const dx = isInWidth ? 0 : (box.left + box.right - frame.left - frame.right) / 2;
    const dy = isInHeight ? 0 : (box.top + box.bottom - frame.top - frame.bottom) / 2;
    move(dx, dy);
  }

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const frame = canvas.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      zoom(Math.exp(-event.deltaY / 200), event.clientX - frame.left, event.clientY - frame.top);
    } else {
      move(event.shiftKey ? event.deltaY : event.deltaX, event.shiftKey ? 0 : event.deltaY);
    }
  }, { passive: false });

  const pointers = new Map();
  let wasDragged = false;
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    if (pointers.size === 1) wasDragged = false;
  });
  window.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const isFar = Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) > 3;
    if (!wasDragged && !isFar) return;
    wasDragged = true;
    canvas.classList.add("dragging");
    pointers.set(event.pointerId, event);
    if (pointers.size === 1) {
      move(last.clientX - event.clientX, last.clientY - event.clientY);
    } else {
      const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
      const frame = canvas.getBoundingClientRect();
      const reach = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY) || 1;
      zoom(reach(event) / reach(last), other.clientX - frame.left, other.clientY - frame.top);
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    window.addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      canvas.classList.remove("dragging");
    });
  }

  // Follow keys: an item, what is next to it, and the lines between.
  function neighbours(id) {
    if (keys[id]) return [keys[id].source, ...keys[id].readers.map((reader) => reader.step)].filter(Boolean);
    const { reads, makes } = steps[id];
    const makers = reads.map((read) => keys[read.key].source).filter(Boolean);
    const readers = makes.flatMap((key) => keys[key].readers.map((reader) => reader.step));
    return [...reads.map((read) => read.key), ...makers, ...makes, ...readers];
  }

  function isBetween(line, id) {
    if (keys[id]) return line.dataset.of === id;
    const { reads, makes } = steps[id];
    if (makes.includes(line.dataset.of)) return true;
    if (!reads.some((read) => read.key === line.dataset.of)) return false;
    return [id, keys[line.dataset.of].source].some((step) => line.dataset.at.split(" ").includes(step));
  }

  function light(ids, lit) {
    svg.classList.toggle("tracing", ids !== null);
    for (const [id, element] of items) element.classList.toggle("lit", ids !== null && ids.has(id));
    for (const line of lines) line.classList.toggle("lit", lit(line));
  }

  function trace(id) {
    if (id === null) light(null, () => false);
    else light(new Set([id, ...neighbours(id)]), (line) => isBetween(line, id));
  }

  // The panel. All text is set as text, never as markup.
  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  function link(id) {
    const name = keys[id] ? keys[id].name : steps[id].label;
    const element = make("button", { type: "button", className: "link", title: keys[id] ? "" : steps[id].path }, name);
    element.addEventListener("click", () => select(id));
    return element;
  }

  function table(heads, rows) {
    const cells = (tag, row) => make("tr", {}, ...row.map((cell) => make(tag, {}, cell)));
    return make("table", {}, make("thead", {}, cells("th", heads)), make("tbody", {}, ...rows.map((row) => cells("td", row))));
  }

  function section(title, content) {
    return make("section", {}, make("h3", {}, title), content);
  }

  const code = (text) => make("code", {}, text);
  const count = (number) => number.toLocaleString("en");

  function stepPanel(id) {
    const step = steps[id];
    const reads = step.reads.map(({ key, parameter }) => [code(parameter), link(key), code(keys[key].value)]);
    const makes = step.makes.map((key) => [
      link(key),
      code(keys[key].value),
      make("span", {}, ...keys[key].readers.flatMap(({ step: reader }, index) => [index ? ", " : "", link(reader)])),
    ]);
    return [
      make("p", { className: "kind" }, [step.kind, step.stages].filter(Boolean).join(", ")),
      make("h2", {}, step.label),
      make("p", {}, code(step.path)),
      step.target && make("p", {}, code(step.target)),
      step.origin && make("p", {}, step.origin),
      step.parameters === null ? null : make("p", {}, `${count(step.parameters)} parameters`),
      ...step.faults.map((fault) => make("p", { className: "faults" }, fault)),
      reads.length ? section("Reads", table(["parameter", "key", "type and shape"], reads)) : null,
      makes.length ? section("Makes", table(["key", "type and shape", "read by"], makes)) : null,
      step.yaml ? section("YAML", make("pre", { tabIndex: 0 }, step.yaml)) : null,
    ];
  }

  function keyPanel(id) {
    const { name, value, source, readers } = keys[id];
    const rows = readers.map(({ step, parameter }) => [link(step), code(parameter)]);
    return [
      make("p", { className: "kind" }, "batch key"),
      make("h2", {}, name),
      make("p", {}, code(value)),
      source === null ? make("p", { className: "faults" }, "No step makes this key.") : section("Made by", link(source)),
      section("Read by", rows.length ? table(["step", "parameter"], rows) : make("p", {}, "No step reads it.")),
    ];
  }

  function overview() {
    const faults = Object.keys(steps).flatMap((id) =>
      steps[id].faults.map((fault) => make("li", {}, link(id), make("p", { className: "faults" }, fault))));
    const rows = groups.map((group) => [code(group.name), count(group.parameters), code(group.options)]);
    const help = [["/", "find"], ["Tab", "next step"], ["Enter", "details"], ["↑ ↓", "follow a key"], ["+ − 0", "zoom"], ["Esc", "back"]];
    return [
      make("h2", {}, "Wiring"),
      make("p", {}, "Click a step or a key. Drag or scroll to move, Ctrl and scroll to zoom."),
      faults.length ? section("Faults", make("ul", {}, ...faults)) : null,
      rows.length ? section("Optimizer groups", table(["weights", "number", "options"], rows)) : null,
      section("Keyboard", table(["key", "does"], help.map(([key, does]) => [make("kbd", {}, key), does]))),
    ];
  }

  function fill() {
    const content = selected === null ? overview() : keys[selected] ? keyPanel(selected) : stepPanel(selected);
    panel.replaceChildren(...content.filter(Boolean));
    panel.scrollTop = 0;
  }

  function select(id) {
    if (selected !== null) items.get(selected).classList.remove("selected");
    selected = id;
    if (id !== null) {
      items.get(id).classList.add("selected");
      bring(id);
    }
    fill();
    trace(id);
    history.replaceState(null, "", id !== null && steps[id] ? `#${encodeURIComponent(steps[id].path)}` : " ");
  }

  // Search.
  let found = [];
  function find() {
    const word = search.value.trim().toLowerCase();
    const texts = (id) => (keys[id] ? [keys[id].name] : [steps[id].label, steps[id].path, steps[id].target]);
    found = word ? [...items.keys()].filter((id) => texts(id).some((text) => text.toLowerCase().includes(word))) : [];
    document.getElementById("matches").value = word ? `${found.length} found` : "";
    if (word) light(new Set(found), () => false);
    else trace(selected);
  }
  const rest = () => (search.value.trim() ? find() : trace(selected));
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && found.length) select(found[(found.indexOf(selected) + 1) % found.length]);
  });

  for (const [id, element] of items) {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", keys[id] ? `key ${keys[id].name} ${keys[id].value}` : `${steps[id].kind} ${steps[id].label}`);
    element.addEventListener("mouseenter", () => trace(id));
    element.addEventListener("mouseleave", rest);
    element.addEventListener("focus", () => element.matches(":focus-visible") && (bring(id), trace(id)));
    element.addEventListener("blur", rest);
  }
  canvas.addEventListener("click", (event) => {
    if (wasDragged) return;
    const item = event.target.closest(".step[id], .key[id]");
    select(item ? item.id : null);
  });

  // Keyboard.
  function follow(id, isDown) {
    const next = keys[id]
      ? (isDown ? keys[id].readers.map((reader) => reader.step) : [keys[id].source])
      : (isDown ? steps[id].makes : steps[id].reads.map((read) => read.key));
    if (next[0]) items.get(next[0]).focus();
  }
  const moves = { ArrowUp: [0, -60], ArrowDown: [0, 60], ArrowLeft: [-60, 0], ArrowRight: [60, 0] };
  const zooms = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => fit(0) };
  document.addEventListener("keydown", (event) => {
    const item = event.target.closest?.(".step[id], .key[id]");
    if (event.key === "Escape") {
      search.value = "";
      find();
      select(null);
    }
    if (event.target === search || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") search.focus();
    else if (item && (event.key === "Enter" || event.key === " ")) select(item.id);
    else if (item && (event.key === "ArrowUp" || event.key === "ArrowDown")) follow(item.id, event.key === "ArrowDown");
    else if (moves[event.key] && !panel.contains(event.target)) move(...moves[event.key]);
    else if (zooms[event.key]) zooms[event.key]();
    else return;
    event.preventDefault();
  });

  document.getElementById("smaller").addEventListener("click", () => zoom(0.8));
  document.getElementById("larger").addEventListener("click", () => zoom(1.25));
  document.getElementById("whole").addEventListener("click", () => fit(0));
  new ResizeObserver(show).observe(canvas);
  fit(Math.max(0.5, Math.min(1, canvas.clientWidth / full.width)));
  if (items.has("n0")) bring("n0");
  const path = decodeURIComponent(location.hash.slice(1));
  select(Object.keys(steps).find((id) => steps[id].path === path) ?? null);
})();
