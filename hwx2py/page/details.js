// What the page says about the program, a task, or a buffer: one of them at a time, named by the address behind #.

/** One end of a way, as a link to what is there. */
function endLink(kind, index) {
  if (kind === "task") return taskLink(index);
  if (kind === "unknown") return "an unknown producer";
  const { name } = (kind === "input" ? data.inputs : data.outputs)[index];
  const buffer = data.buffers.find((other) => other.name === name);
  return buffer ? bufferLink(buffer.bars[0], `${kind} ${name}`) : `${kind} ${name}`;
}

function findingList(found, withTasks) {
  return el("ul", { class: "findings" }, found.map((finding) => el("li", { class: finding.level },
    el("span", { class: `tag ${finding.level}` }, finding.level), " ", el("code", {}, finding.rule),
    withTasks || !finding.tasks.length ? [", ", finding.tasks.length ? ["tasks ", runLinks(finding.tasks)] : finding.where] : null,
    el("p", {}, `${finding.what}; ${finding.what_to_do}`))));
}

const COSTS = [
  ["read_bytes", "read from memory", "byte"], ["written_bytes", "written to memory", "byte"],
  ["coefficient_bytes", "coefficients", "byte"], ["l2_read_bytes", "read from L2", "byte"],
  ["l2_written_bytes", "written to L2", "byte"], ["macs", "multiply-accumulates", ""],
  ["elementwise", "operations on elements", ""], ["exe_cycles", "ExeCycles of the header", ""],
  ["formula_cycles", "the compiler's formula", "cycle"]];
const time = (us) => (us === null ? "not known" : `${short(us)} us`);
const totalTime = tasks.reduce((sum, task) => sum + (task.cost.estimate_us || 0), 0);
const share = (task) => (totalTime && task.cost.estimate_us ? task.cost.estimate_us / totalTime : 0);
const percent = (part) => (part < 0.001 ? "less than 0.1 %" : `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`);

function costSection(task) {
  const { cost } = task;
  const rows = COSTS.filter(([name]) => cost[name]).map(([name, words, unit]) =>
    [words, unit ? counted(cost[name], unit) : cost[name].toLocaleString("en")]);
  return section("Cost",
    facts([["at least", `${time(cost.estimate_us)}${share(task) ? `, ${percent(share(task))} of the program` : ""}`],
      ["bound by", cost.bound_by], ...rows]),
    el("details", { class: "quiet" }, el("summary", {}, "What the estimate rests on"), data.basis.map((line) => el("p", {}, line))));
}

function operandRows(task) {
  return task.operands.map((operand) => [
    operand.use,
    el("code", {}, bufferLink(operand.bar, operand.name)),
    el("code", {}, `${hex(operand.from)}..${hex(operand.to)}`),
    [el("span", { class: "whole" }, shapeText(operand.shape)), ` ${operand.format}`],
    el("code", {}, operand.strides.map((stride) => hex(stride)).join(" ")),
    (operand.remarks || []).join(", ")]);
}

function flow(title, found, end) {
  if (!found.length) return null;
  return el("div", {}, el("dt", {}, title), el("dd", {}, found.slice(0, 40).map((edge, place) =>
    [place ? ", " : "", endLink(...end(edge)),
      edge.kind === "tensor" ? null : el("span", { class: "quiet" }, ` by ${edge.label}`)]),
    found.length > 40 ? ` and ${found.length - 40} more` : null));
}

function valuesSection(task) {
  if (task.values) {
    const { values } = task;
    return section("Values", el("p", { class: "quiet" },
      `${values.dtype} ${shapeText(values.shape)}, to ${values.places.join(" and ") || "nowhere"}`), arrayParts(values));
  }
  return section("Values", el("p", { class: "quiet" }, data.has_values
    ? "The run ended before this task." : "Not run: hwx2py graph --values shows here what every task wrote."));
}

/** A sentence whose "task 3" are links. */
const linked = (sentence) => sentence.split(/\b(task \d+)\b/).map((part) => {
  const number = part.match(/^task (\d+)$/)?.[1];
  return number !== undefined && Number(number) < tasks.length ? taskLink(Number(number)) : part;
});

function taskDetails(index) {
  const task = tasks[index], { findings, nodes, arrays, from, to } = about[index];
  const step = (other, text) => other >= 0 && other < tasks.length ? taskLink(other, text) : el("span", { class: "quiet" }, text);
  return [
    el("div", { class: "bar" }, el("h2", { tabindex: -1 }, `Task ${index}`),
      el("span", { class: `key ${task.planar ? "planar" : "neural"}` }, task.engine),
      el("nav", { "aria-label": "Neighbours" }, step(index - 1, "↑ before"), step(index + 1, "↓ after"),
        el("a", { href: "#program" }, "program"))),
    el("p", { class: "does" }, linked(task.does)),
    el("p", { class: "quiet" }, task.with),
    nodes.length ? el("div", { class: "node" }, nodes.map((node) => el("p", {}, "From the node ",
      el("b", {}, nodeName(node)), node.forms.length ? `: ${node.forms.join(", ")}` : "",
      node.fused.length ? `; does ${node.fused.join(", ")} as well` : ""))) : null,
    task.words_from ? el("p", { class: "quiet" }, `Words: ${texts[task.words_from]}.`) : null,
    findings.length ? section("Findings", findingList(findings, false)) : null,
    task.unknown ? section("Not understood", table("What is not understood", ["Register", "Value", "Why"], task.unknown)) : null,
    section("Data",
      table("Operands", ["use", "what", "bytes", "shape, format", "strides G C D H", "remarks"], operandRows(task), "operands"),
      el("dl", { class: "facts" }, flow("from", from, (edge) => [edge.from, edge.fromIndex]), flow("to", to, (edge) => [edge.to, edge.toIndex]),
        task.fetches ? el("div", {}, el("dt", {}, "fetches"), el("dd", {}, bufferLink(task.fetches[0]), " ",
          el("code", {}, `${hex(task.fetches[1])}..${hex(task.fetches[2])}`))) : null)),
    costSection(task),
    arrays.length ? section("Coefficients", arrays.map((array) => coefficientArray(array, index))) : null,
    valuesSection(task),
    registerSection(index),
    data.keeps_registers ? keptSection(index) : null,
    el("p", { class: "quiet" }, `At ${hex(task.at)} of the text, ${counted(task.bytes, "byte")}.`),
  ];
}

function bufferDetails(buffer) {
  const found = uses.get(buffer), lists = [["writes", "Writers"], ["reads", "Readers"], ["fetches", "Fetched as coefficients by"]];
  const arrays = data.coefficients.arrays.filter((array) => array.buffer === buffer.name);
  return [
    el("div", { class: "bar" }, el("h2", { tabindex: -1 }, buffer.name),
      el("nav", { "aria-label": "Up" }, el("a", { href: "#program" }, "program"))),
    facts([["role", buffer.role], ["BAR", buffer.bars.filter((bar) => bar !== "L2").join(", ")],
      ["shape N C H W", buffer.shape?.join(" x ")], ["elements", buffer.dtype],
      ["strides N C H W", buffer.strides && `${buffer.strides.map((stride) => hex(stride)).join(" ")} (bytes)`],
      ["size", counted(buffer.size, "byte")]]),
    lists.map(([use, title]) => {
      const rows = found.filter((entry) => entry.use === use);
      if (!rows.length) return use === "fetches" ? null : section(title, el("p", { class: "quiet" }, "None."));
      return section(`${title} (${rows.length.toLocaleString("en")})`, longTable(title, ["task", "what", "bytes", "shape", "strides G C D H"],
        rows.map((entry) => [taskLink(entry.index), el("code", {}, entry.name), el("code", {}, `${hex(entry.from)}..${hex(entry.to)}`),
          entry.shape ? `${shapeText(entry.shape)} ${entry.format}` : "",
          el("code", {}, (entry.strides || []).map((stride) => hex(stride)).join(" "))])));
    }),
    arrays.length ? section("Arrays in it", arrays.slice(0, 20).map((array) => coefficientArray(array, -1)),
      arrays.length > 20 ? el("p", { class: "quiet" }, `and ${arrays.length - 20} more, shown with their tasks`) : null) : null,
  ];
}

function programDetails() {
  const dear = tasks.map((task, index) => [index, share(task)]).filter(([, part]) => part)
    .sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 10);
  const levels = ["error", "warning", "note"].map((level) => data.findings.filter((finding) => finding.level === level)).flat();
  return [
    el("div", { class: "bar" }, el("h2", { tabindex: -1 }, "Program")),
    facts(data.facts),
    data.notes.length ? section("Notes", data.notes.map((note) => el("p", {}, note))) : null,
    section("Tensors and memory", table("Tensors and memory", ["name", "role", "BAR", "shape N C H W", "bytes"],
      data.buffers.map((buffer) => [el("a", { href: `#${keyOf(buffer)}` }, buffer.name), buffer.role,
        buffer.bars.filter((bar) => bar !== "L2").join(", "), buffer.shape ? `${buffer.shape.join(" x ")} ${buffer.dtype}` : "",
        buffer.size.toLocaleString("en")]))),
    data.nodes.length ? section("Nodes of the model", longTable("Nodes of the model", ["node", "tasks", "done by", "words"],
      data.nodes.map((node) => [nodeName(node), node.tasks.length ? el("span", {}, runLinks(node.tasks, 4)) : "none of its own",
        node.forms.join(", "), node.evidence.join(", ")]))) : null,
    section("Findings of check", levels.length ? findingList(levels, true) : el("p", { class: "quiet" }, "None.")),
    dear.length ? section("Where the time goes", table("Tasks that take longest", ["task", "does", "at least", "share", "bound by"],
      dear.map(([index, part]) => [taskLink(index), el("code", {}, tasks[index].does), time(tasks[index].cost.estimate_us), percent(part),
        tasks[index].cost.bound_by]))) : null,
    section("Values", data.has_values ? data.ran.map((line) => el("p", {}, line))
      : el("p", { class: "quiet" }, "Not run: hwx2py graph --values shows with each task what it wrote.")),
    data.coefficients.notes.length ? section("Coefficients", data.coefficients.notes.map((note) => el("p", { class: "quiet" }, note))) : null,
    section("Keys", facts([["↑ ↓ or K J", "the task before or after"], ["Home, End", "the first or last task"], ["+ -", "zoom"],
      ["/", "search; Field=value finds tasks that write it"], ["N, Shift+N", "next or previous hit"], ["Enter", "from a task to its details"]])),
  ];
}
