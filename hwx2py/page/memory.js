// L2 and scratch over time: from left to right the tasks, from bottom to top the addresses.
const bands = data.memory.filter((band) => band.ranges.length).map((band) => ({
  ...band, ...axis(band.ranges), canvas: el("canvas", { "aria-hidden": "true" }) }));

/** Addresses on an axis that is not to scale: what nothing uses is a thin gap, and small places can be seen. */
function axis(ranges) {
  const marks = [...new Set(ranges.flatMap(([start, end]) => [start, end]))].sort((a, b) => a - b);
  const covered = new Array(marks.length).fill(0), placeOf = new Map(marks.map((mark, place) => [mark, place]));
  for (const [start, end] of ranges) { covered[placeOf.get(start)]++; covered[placeOf.get(end)]--; }
  const heights = new Map();
  let open = 0, total = 0;
  marks.forEach((mark, place) => {
    heights.set(mark, total);
    open += covered[place];
    if (place + 1 < marks.length) total += open ? Math.sqrt(marks[place + 1] - mark) : 0;
    if (!open && place + 1 < marks.length) total += 4;
  });
  return { used: marks[marks.length - 1], heightOf: (address) => heights.get(address) / (total || 1) };
}
const cursor = { task: 0, hover: null };

/** The places that are in use while a task runs. */
const inUse = (band, task) => band.ranges.filter(([, , first, last]) => first <= task && task <= last);

function bandText(task) {
  return bands.map((band) => {
    const live = inUse(band, task), size = live.reduce((sum, [start, end]) => sum + end - start, 0);
    return `${band.name}: ${live.length ? `${counted(size, "byte")} in ${counted(live.length, "place")}` : "nothing"}`;
  }).join("; ");
}

function placeText(band, [start, end, first, last, isWritten]) {
  return `${band.name} ${hex(start)}..${hex(end)} (${counted(end - start, "byte")}), ` +
    `${isWritten ? "written" : "first read"} by task ${first}, in use until task ${last}`;
}

function drawBands() {
  const colours = getComputedStyle(document.documentElement), colour = (name) => colours.getPropertyValue(`--${name}`);
  const fills = [colour("band-1"), colour("band-2"), colour("band-3")];
  for (const band of bands) {
    const { canvas } = band, width = canvas.clientWidth, height = canvas.clientHeight, scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d"), step = width / tasks.length;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    band.ranges.forEach((range, number) => {
      const [start, end, first, last, isWritten] = range;
      const y = height * (1 - band.heightOf(end)), tall = Math.max(height * (1 - band.heightOf(start)) - y, 1.5);
      context.fillStyle = isWritten ? fills[number % fills.length] : colour("muted");
      context.globalAlpha = cursor.hover === range ? 1 : 0.72;
      context.fillRect(first * step, y, Math.max((last - first + 1) * step - (step > 4 ? 1 : 0), 1), tall);
    });
    context.globalAlpha = 1;
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    const x = (cursor.task + 0.5) * step;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
  }
}

/** Moves the cursor of the bands to a task, and says what is in use there. */
function moveCursor(task, place = "") {
  cursor.task = Math.max(0, Math.min(tasks.length - 1, task));
  const slider = byId("bands"), text = `task ${cursor.task}: ${bandText(cursor.task)}`;
  slider.setAttribute("aria-valuenow", cursor.task);
  slider.setAttribute("aria-valuetext", text);
  byId("in-use").textContent = place || text;
  drawBands();
}

function pointAt(band, event) {
  const box = band.canvas.getBoundingClientRect();
  const task = Math.max(0, Math.min(tasks.length - 1, Math.floor(((event.clientX - box.left) / box.width) * tasks.length)));
  const height = 1 - (event.clientY - box.top) / box.height, slack = 2 / box.height;
  const live = inUse(band, task).filter(([start, end]) => band.heightOf(start) - slack <= height && height < band.heightOf(end) + slack);
  return { task, range: live[live.length - 1] ?? null };
}

function startBands() {
  if (!bands.length) return;
  byId("memory").hidden = false;
  for (const band of bands) {
    const label = el("p", { class: "quiet" }, el("b", {}, band.name), ` up to ${hex(band.used)} of ${hex(band.size)}; unused parts are cut short`);
    byId("bands").append(el("div", { class: "band" }, label, band.canvas));
    const follow = (event) => {
      const { task, range } = pointAt(band, event);
      cursor.hover = range;
      moveCursor(task, range ? `task ${task}: ${placeText(band, range)}` : "");
    };
    band.canvas.addEventListener("pointermove", follow);
    band.canvas.addEventListener("pointerleave", () => {
      cursor.hover = null;
      moveCursor(Math.max(view.selected, 0));
    });
    band.canvas.addEventListener("click", (event) => {
      const { task, range } = pointAt(band, event);
      location.hash = `task-${range ? range[2] : task}`;
    });
  }
  byId("bands").addEventListener("keydown", (event) => {
    const page = Math.max(Math.round(tasks.length / 20), 1);
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -page, PageUp: page };
    if (event.key === "Enter") location.hash = `task-${cursor.task}`;
    else if (event.key === "Home") moveCursor(0);
    else if (event.key === "End") moveCursor(tasks.length - 1);
    else if (steps[event.key]) moveCursor(cursor.task + steps[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
