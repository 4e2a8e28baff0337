// The picture: rows from top to bottom, and lanes beside them. Only what is in view is in the document.

// Rows: what enters, an unknown producer where there is one, the tasks, what leaves.
const hasUnknown = edges.some((edge) => edge.from === "unknown");
const firstTaskRow = data.inputs.length + (hasUnknown ? 1 : 0);
const rowCount = firstTaskRow + tasks.length + data.outputs.length;
const rowOf = (kind, index) => kind === "input" ? index : kind === "unknown" ? data.inputs.length
  : kind === "task" ? firstTaskRow + index : firstTaskRow + tasks.length + index;

// Nets: what one producer hands on by one name, to one or several consumers; far ones have a lane.
const nets = [];
{
  const byKey = new Map();
  for (const edge of edges) {
    const from = rowOf(edge.from, edge.fromIndex), to = rowOf(edge.to, edge.toIndex);
    const key = `${from} ${edge.kind} ${edge.label}`;
    if (!byKey.has(key)) {
      byKey.set(key, { from, kind: edge.kind, label: edge.label, left: edge.from !== "task", near: [], far: [], last: from, edge });
      nets.push(byKey.get(key));
    }
    const net = byKey.get(key);
    (to === from + 1 ? net.near : net.far).push(to);
    net.last = Math.max(net.last, to);
  }
}
const LONG = 64;
const laneCounts = { left: 0, right: 0 };
for (const side of ["left", "right"]) {
  const far = nets.filter((net) => net.far.length && net.left === (side === "left")).sort((a, b) => a.from - b.from);
  // Short ways first, so that they are inside; in a lane one way ends before the next begins.
  for (const isLong of [false, true]) {
    const ends = [], base = laneCounts[side];
    for (const net of far.filter((net) => (net.last - net.from > LONG) === isLong)) {
      let lane = ends.findIndex((end) => end <= net.from);
      if (lane < 0) lane = ends.length;
      ends[lane] = net.last;
      net.lane = base + lane;
    }
    laneCounts[side] = base + ends.length;
  }
}

const HEIGHTS = [3, 6, 12, 22, 38, 60, 84];
const NEUTRAL = 5;
const view = { zoom: tasks.length > 400 ? NEUTRAL - 1 : NEUTRAL, selected: -1, width: 0, hits: null };
const scroll = byId("scroll"), sheet = byId("sheet");
const wires = el("svg", { class: "wires", "aria-hidden": "true" });
const boxes = new Map();
const rowHeight = () => HEIGHTS[view.zoom];
const gap = () => [0, 1, 2, 4, 10, 18, 22][view.zoom];
const dearest = tasks.reduce((most, task) => Math.max(most, task.cost.estimate_us || 0), 0);

function frame() {
  const width = scroll.clientWidth, room = Math.max(width * 0.22, 24);
  const pitch = (lanes) => (lanes ? Math.min(11, (room - 14) / lanes) : 0);
  const left = pitch(laneCounts.left), right = pitch(laneCounts.right);
  const gutter = (lanes, step) => (lanes ? 14 + lanes * step : 8);
  return { width, left, right, x: gutter(laneCounts.left, left), end: width - gutter(laneCounts.right, right) };
}

function terminalBox(terminal, css) {
  return el("div", { class: `box pill ${css}` }, el("span", { class: "does" }, terminal.name),
    el("span", { class: "with" }, `${terminal.role} ${terminal.shape.join(" x ")}`));
}

function rowBox(row) {
  const index = row - firstTaskRow;
  if (index < 0) {
    const terminal = data.inputs[row];
    if (!terminal) return terminalBox({ name: "?", role: "unknown producer", shape: [] }, "unknown");
    return pillLink(terminal);
  }
  if (index >= tasks.length) return pillLink(data.outputs[index - tasks.length]);
  const task = tasks[index], { findings, nodes, arrays } = about[index];
  const worst = ["error", "warning", "note"].find((level) => findings.some((finding) => finding.level === level));
  const count = findings.filter((finding) => finding.level === worst).length;
  const cost = el("span", { class: "cost" });
  cost.style.width = dearest ? `${(100 * (task.cost.estimate_us || 0)) / dearest}%` : "0";
  const box = el("a", { class: `box ${task.planar ? "planar" : "neural"}`, href: `#task-${index}`, tabindex: -1,
    "data-task": index, "aria-label": `Task ${index}: ${task.does}; ${task.with}${count ? `; ${counted(count, worst)}` : ""}` },
    el("span", { class: "index" }, String(index)),
    el("span", { class: "does" }, task.does),
    worst && worst !== "note" ? el("span", { class: `tag ${worst}` }, counted(count, worst)) : null,
    el("span", { class: "with" }, nodes.length ? el("b", {}, nodes.map(nodeName).join(", ")) : null, nodes.length ? " · " : "",
      arrays.length || task.fetches ? "◆ " : "", task.with),
    cost);
  box.title = `${task.does}\n${task.with}`;
  return box;
}

function pillLink(terminal) {
  const buffer = data.buffers.find((other) => other.name === terminal.name);
  if (!buffer) return terminalBox(terminal, terminal.role);
  const box = el("a", { class: `box pill ${terminal.role}`, href: `#${keyOf(buffer)}` });
  box.append(...terminalBox(terminal, "").childNodes);
  return box;
}

/** Brings the document in line with what is in view. */
function drawPicture() {
  const height = rowHeight(), place = frame(), spare = 3;
  sheet.style.height = `${rowCount * height + gap()}px`;
  sheet.dataset.zoom = view.zoom;
  const first = Math.max(Math.floor(scroll.scrollTop / height) - spare, 0);
  const last = Math.min(Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + spare, rowCount - 1);
  for (const [row, box] of boxes) {
    if ((row < first || row > last) && box !== document.activeElement) { box.remove(); boxes.delete(row); }
  }
  let after = null; // the document has rows in their order, so that Tab and screen readers meet them so
  for (const [row, box] of boxes) if (row > last) after = box;
  for (let row = last; row >= first; row--) {
    if (!boxes.has(row)) {
      boxes.set(row, rowBox(row));
      sheet.insertBefore(boxes.get(row), after);
    }
    after = boxes.get(row);
  }
  const linked = linkedRows();
  for (const [row, box] of boxes) {
    const index = row - firstTaskRow, isTask = index >= 0 && index < tasks.length;
    box.style.top = `${row * height + gap() / 2}px`;
    box.style.height = `${height - gap()}px`;
    box.style.left = `${place.x}px`;
    box.style.width = `${place.end - place.x}px`;
    const isSelected = isTask && index === view.selected;
    box.classList.toggle("selected", isSelected);
    box.classList.toggle("linked", linked.has(row));
    box.classList.toggle("faded", Boolean(view.hits) && isTask && !view.hits.has(index));
    if (isTask) {
      box.tabIndex = isSelected || (view.selected < 0 && index === 0) ? 0 : -1;
      if (isSelected) box.setAttribute("aria-current", "true"); else box.removeAttribute("aria-current");
    }
  }
  drawWires(first, last, place, height);
  drawMap();
}

const selectedRow = () => (view.selected < 0 ? -1 : firstTaskRow + view.selected);
const linkedRows = () => {
  const row = selectedRow();
  if (row < 0) return new Set();
  return new Set(nets.flatMap((net) => [...net.near, ...net.far].flatMap((to) => net.from === row ? [to] : to === row ? [net.from] : [])));
};

function drawWires(first, last, place, height) {
  const top = first * height, tall = (last - first + 2) * height;
  wires.setAttribute("width", place.width);
  wires.setAttribute("height", tall);
  wires.setAttribute("viewBox", `0 ${top} ${place.width} ${tall}`);
  wires.style.top = `${top}px`;
  const half = gap() / 2, chosen = selectedRow(), parts = [], bright = [], ports = new Map(), labels = new Map();
  const port = (row, side) => {
    const key = `${row} ${side}`, number = ports.get(key) || 0;
    ports.set(key, number + 1);
    return Math.min(number * 5, Math.max(height - gap() - 12, 0) / 2);
  };
  for (const net of nets) {
    if (net.last < first || net.from > last) continue;
    const lines = [], heads = [];
    const bottom = (net.from + 1) * height - half;
    net.near.forEach((to) => {
      const x = Math.min(place.x + 44 + (ports.get(`${to} near`) || 0) * 22, place.end - 10);
      ports.set(`${to} near`, (ports.get(`${to} near`) || 0) + 1);
      lines.push(`M${x} ${bottom}V${to * height + half}`);
      if (half > 2) heads.push(`M${x - 3.5} ${to * height + half - 6}h7l-3.5 6z`);
      labels.set(to, { x: x + 8, y: bottom + half + 4, text: [...(labels.get(to)?.text ?? []), net.label] });
    });
    if (net.far.length) {
      const side = net.left ? -1 : 1, edge = net.left ? place.x : place.end;
      const lane = edge + side * (10 + net.lane * (net.left ? place.left : place.right));
      const turn = Math.min(5, Math.abs(lane - edge) / 2, height / 4);
      const start = bottom - 4 - port(net.from, `out ${side}`);
      const end = net.last * height + half;
      lines.push(`M${edge} ${start}H${lane - side * turn}q${side * turn} 0 ${side * turn} ${turn}V${end}`);
      for (const to of net.far) {
        if (to < first - 1 || to > last + 1) continue;
        const y = to * height + half + Math.min(8, (height - gap()) / 3) + port(to, `in ${side}`);
        lines.push(`M${lane} ${end > y ? y - turn : end}V${y - turn}q0 ${turn} ${-side * turn} ${turn}H${edge}`);
        if (height > 12) heads.push(`M${edge + side * 6} ${y - 3.5}v7l${-side * 6} -3.5z`);
      }
    }
    const isBright = chosen >= 0 && (net.from === chosen || net.near.includes(chosen) || net.far.includes(chosen));
    const group = el("g", { class: `net ${KIND_CLASS[net.kind]}${isBright ? " bright" : ""}` },
      el("path", { class: "grip", d: lines.join("") }), el("path", { class: "line", d: lines.join("") }),
      el("path", { class: "head", d: heads.join("") }));
    group.append(svgTitle(`${net.label}, from ${net.edge.from === "task" ? `task ${net.edge.fromIndex}` : net.edge.from}`));
    group.addEventListener("click", () => openNet(net));
    (isBright ? bright : parts).push(group);
  }
  const words = view.zoom < NEUTRAL ? [] : [...labels.values()].map(({ x, y, text }) =>
    el("text", { x, y }, text.join(", ")));
  wires.replaceChildren(...parts, ...bright, ...words);
}
const KIND_CLASS = { tensor: "tensor", scratch: "scratch", L2: "l2", coefficients: "kernel" };

/** A click on a way opens the buffer that carries it. */
function openNet(net) {
  const buffer = net.kind === "L2" ? bufferAt.get("L2") : data.buffers.find((other) => other.name === net.label);
  if (buffer) location.hash = keyOf(buffer);
}

/** The height of a row in the strip; short programs do not fill it. */
const mapStep = (height) => Math.min(height / rowCount, 16);

/** The whole program as a strip: engines, hits, findings, and the part in view. */
function drawMap() {
  const canvas = byId("map"), height = canvas.clientHeight, width = canvas.clientWidth, scale = window.devicePixelRatio || 1;
  if (!height) return;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d"), colours = getComputedStyle(document.documentElement);
  const colour = (name) => colours.getPropertyValue(`--${name}`);
  const planar = colour("planar"), neural = colour("neural"), bad = colour("error"), hit = colour("focus");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const step = mapStep(height);
  tasks.forEach((task, index) => {
    const y = (firstTaskRow + index) * step;
    context.globalAlpha = view.hits && !view.hits.has(index) ? 0.15 : 0.75;
    context.fillStyle = task.planar ? planar : neural;
    context.fillRect(task.planar ? 3 : 8, y, 4, Math.max(step * 0.8, 0.6));
    context.globalAlpha = 1;
    if (view.hits?.has(index)) { context.fillStyle = hit; context.fillRect(width - 4, y, 4, Math.max(step, 1.5)); }
    if (about[index].findings.some((finding) => finding.level === "error")) {
      context.fillStyle = bad;
      context.fillRect(0, y, 3, Math.max(step, 1.5));
    }
  });
  context.strokeStyle = colour("ink");
  const seen = rowCount * rowHeight() || 1;
  const used = rowCount * step, tall = Math.min((scroll.clientHeight / seen) * used, used);
  context.strokeRect(0.5, (scroll.scrollTop / seen) * used + 0.5, width - 1, Math.max(tall, 4) - 1);
}

/** Scrolls so that a task is in view. */
function reveal(index) {
  const height = rowHeight(), top = (firstTaskRow + index) * height, bottom = top + height;
  if (top < scroll.scrollTop + height) scroll.scrollTop = top - scroll.clientHeight / 3;
  else if (bottom > scroll.scrollTop + scroll.clientHeight - height) scroll.scrollTop = bottom - (scroll.clientHeight * 2) / 3;
}

/** Zooms, with the middle of the view or the selected task where it was. */
function zoom(step, anchor = scroll.clientHeight / 2) {
  const before = rowHeight(), next = Math.max(0, Math.min(HEIGHTS.length - 1, view.zoom + step));
  if (next === view.zoom) return;
  const row = (scroll.scrollTop + anchor) / before;
  view.zoom = next;
  sheet.style.height = `${rowCount * rowHeight() + gap()}px`;
  scroll.scrollTop = row * rowHeight() - anchor;
  drawPicture();
}
