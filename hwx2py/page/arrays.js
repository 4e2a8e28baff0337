// Arrays: figures, a histogram, a small picture, the curve of a table.
const short = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value));

/** What an array holds, in a sentence. */
function figuresText(figures) {
  if (figures.smallest === null) return `${counted(figures.count, "element")}, none finite`;
  const parts = [`${counted(figures.count, "element")}, ${short(figures.smallest)} to ${short(figures.largest)}`,
    `mean ${short(figures.mean)}`];
  if (figures.zeros) parts.push(`${figures.zeros.toLocaleString("en")} are 0`);
  if (figures.odd) parts.push(`${figures.odd.toLocaleString("en")} NaN or infinite`);
  return parts.join(", ");
}

/** The histogram; a line marks 0 where it lies inside. */
function histogram(figures) {
  const { bins, smallest, largest } = figures;
  if (!bins.length) return null;
  const most = Math.max(...bins), width = 256, height = 64, step = width / bins.length;
  const bars = bins.map((count, index) => {
    const tall = count ? Math.max((count / most) * height, 1) : 0;
    const low = smallest + ((largest - smallest) * index) / bins.length;
    const high = smallest + ((largest - smallest) * (index + 1)) / bins.length;
    const bar = el("rect", { x: index * step + 0.5, y: height - tall, width: step - 1, height: tall });
    bar.append(svgTitle(`${short(low)} to ${short(high)}: ${count.toLocaleString("en")}`));
    return bar;
  });
  const zero = smallest < 0 && largest > 0 ? (-smallest / (largest - smallest)) * width : null;
  return el("figure", {},
    el("svg", { class: "histogram", viewBox: `0 0 ${width} ${height}`, role: "img", preserveAspectRatio: "none",
      "aria-label": `Histogram from ${short(smallest)} to ${short(largest)}` },
      bars, zero === null ? null : el("line", { x1: zero, x2: zero, y1: 0, y2: height })),
    el("figcaption", {}, el("span", {}, short(smallest)), el("span", {}, short(largest))));
}

const LEVELS = "0123456789abcdefghijklmnopqrstuvwxy";

/** The small picture: blue below 0, orange above, pale at 0. */
function thumbnail([rows, columns, cells, most]) {
  const canvas = el("canvas", { width: columns, height: rows, class: "thumbnail", role: "img",
    "aria-label": `Means of ${counted(rows, "row")} by ${counted(columns, "column")}, up to ${short(most)} either way` });
  canvas.style.height = `${Math.min(Math.max((16 * rows) / columns, Math.min(rows * 0.5, 4)), 10)}rem`;
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows), middle = 17;
  for (let cell = 0; cell < cells.length; cell++) {
    const level = (LEVELS.indexOf(cells[cell]) - middle) / middle, far = Math.abs(level);
    const [red, green, blue] = level < 0 ? [30, 90, 170] : [190, 85, 10];
    const mix = (colour) => Math.round(243 + (colour - 243) * Math.sqrt(far));
    image.data.set([mix(red), mix(green), mix(blue), 255], cell * 4);
  }
  context.putImageData(image, 0, 0);
  return el("figure", {}, canvas,
    el("figcaption", {}, `first axis down, the rest across; ±${short(most)}`));
}

/** A lookup table as a curve through its samples. */
function curve({ low, high, samples }) {
  const finite = samples.filter((y) => typeof y === "number");
  const [bottom, top] = [Math.min(...finite), Math.max(...finite)], width = 256, height = 120;
  const y = (value) => height - 4 - ((value - bottom) / (top - bottom || 1)) * (height - 8);
  const points = samples.map((value, index) =>
    typeof value === "number" ? `${(index / (samples.length - 1)) * width},${y(value).toFixed(2)}` : "").join(" ");
  return el("figure", {},
    el("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `Curve through ${samples.length} samples, ${short(bottom)} to ${short(top)}` },
      el("polyline", { points })),
    el("figcaption", {}, el("span", {}, short(low)), el("span", {}, `${short(bottom)} to ${short(top)}`),
      el("span", {}, short(high))));
}

/** Figures and pictures of an array. */
const arrayParts = ({ figures, picture, curve: samples }) => figures ? [
  el("p", {}, figuresText(figures)),
  el("p", { class: "quiet mono" }, `first: ${figures.first.map(short).join(", ")}`),
  el("div", { class: "figures" }, samples ? curve(samples) : histogram(figures), picture ? thumbnail(picture) : null),
] : [];

/** An array of coefficients. */
const coefficientArray = (array, index) => el("article", {},
  el("h4", {}, el("code", {}, array.name), ` ${array.kind}, ${array.shape.join(" x ") || "one number"}, in `,
    el("code", {}, array.buffer)),
  arrayParts(array),
  array.tasks.length > 1 ? el("p", { class: "quiet" }, "used by tasks ",
    array.tasks.filter((other) => other !== index).slice(0, 8).flatMap((other) => [taskLink(other, String(other)), " "]),
    array.tasks.length > 9 ? `and ${array.tasks.length - 9} more` : null) : null);
