// The data of the page: words of tasks, fields of words, and who uses what. Nothing here touches the document.
const data = JSON.parse(document.getElementById("data").textContent);
const { tasks, registers, forms, texts } = data;

// What tasks share is put back: layouts of operands, the names of costs, the words for engines.
for (const task of tasks) {
  for (const operand of task.operands) Object.assign(operand, data.layouts[operand.layout]);
  task.cost = Object.fromEntries(data.costs.map((name, place) => [name, task.cost[place]]));
  task.engine = texts[task.engine];
}

// The task before each one that has the same form; its words differ in `changed` only.
const sameForm = [];
{
  const latest = new Map();
  tasks.forEach((task, index) => {
    sameForm[index] = latest.has(task.form) ? latest.get(task.form) : -1;
    latest.set(task.form, index);
  });
}
const wordsKept = new Map();

/** All words of a task, in the order of its form. */
function wordsOf(index) {
  const chain = [];
  let at = index;
  while (!tasks[at].words && !wordsKept.has(at)) { chain.push(at); at = sameForm[at]; }
  const words = (wordsKept.get(at) || tasks[at].words).slice();
  for (const step of chain.reverse()) {
    const { changed } = tasks[step];
    for (let place = 0; place < changed.length; place += 2) words[changed[place]] = changed[place + 1];
  }
  wordsKept.set(index, words);
  return words;
}

/** Register number -> word, of all that a task writes. */
function writtenBy(index) {
  const words = wordsOf(index);
  return new Map(forms[tasks[index].form].registers.map((register, place) => [register, words[place]]));
}

const hex = (number, digits = 0) => "0x" + number.toString(16).padStart(digits, "0");
const bitsOf = (field, word) => {
  const width = field.msb - field.lsb + 1;
  return width === 32 ? word >>> 0 : (word >>> field.lsb) & (2 ** width - 1);
};

/** A field's number, as its row says that it stands in its bits. */
function numberOf(field, word) {
  const bits = bitsOf(field, word);
  return bits * 2 ** (field.lsb - field.shift) + field.add;
}

/** A field as a person reads it. */
function fieldText(field, word, register) {
  if (field.names) {
    const number = numberOf(field, word);
    return field.names[number] ?? String(number);
  }
  if (field.floats) {
    const value = field.floats[bitsOf(field, word)];
    return value === undefined ? hex(bitsOf(field, word)) : String(value);
  }
  const number = numberOf(field, word);
  const text = field.hex || number > 9 ? `${hex(number)}${number > 9 ? ` (${number})` : ""}` : String(number);
  const enable = field.bar && register.fields.find((other) => other.name === field.bar);
  const buffer = enable && bitsOf(enable, word) ? bufferAt.get(number) : undefined;
  return buffer ? `${text}, ${buffer.name}` : text;
}

const bufferAt = new Map(data.buffers.flatMap((buffer) => buffer.bars.map((bar) => [bar, buffer])));
const keyOf = (buffer) => `buffer-${buffer.bars[0]}`;

// Per task: findings, nodes, arrays, edges. Per buffer: uses.
const about = tasks.map(() => ({ findings: [], nodes: [], arrays: [], from: [], to: [] }));
const eachTask = (runs, action) => {
  for (const [first, last] of runs) for (let index = first; index <= last && index < tasks.length; index++) action(index);
};
data.findings.forEach((finding) => eachTask(finding.tasks, (index) => about[index].findings.push(finding)));
data.nodes.forEach((node) => eachTask(node.tasks, (index) => about[index].nodes.push(node)));
data.coefficients.arrays.forEach((array) => array.tasks.forEach((index) => about[index]?.arrays.push(array)));
const edges = data.edges.map(([from, fromIndex, to, toIndex, label, kind]) => ({ from, fromIndex, to, toIndex, label, kind }));
for (const edge of edges) {
  if (edge.to === "task") about[edge.toIndex].from.push(edge);
  if (edge.from === "task") about[edge.fromIndex].to.push(edge);
}
const uses = new Map(data.buffers.map((buffer) => [buffer, []]));
tasks.forEach((task, index) => {
  for (const operand of task.operands) {
    uses.get(bufferAt.get(operand.bar))?.push({ index, ...operand });
  }
  if (task.fetches) {
    const [bar, from, to] = task.fetches;
    uses.get(bufferAt.get(bar))?.push({ index, use: "fetches", name: "coefficients", from, to });
  }
});

const nodeName = (node) => (node.name ? `${node.type} ${node.name}` : node.type);
const counted = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
/** Groups, channels, depth, height, width, without groups and depth where there is one. */
const shapeText = (shape) => shape.filter((size, axis) => size !== 1 || (axis !== 0 && axis !== 2)).join(" x ");
