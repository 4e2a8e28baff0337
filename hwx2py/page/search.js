// Search: words that a task must all have; Field=value asks what tasks write.
const haystack = [];

function textOf(index) {
  if (haystack[index] === undefined) {
    const task = tasks[index], { findings, nodes, arrays } = about[index];
    haystack[index] = [`task ${index}`, task.does, task.with, task.engine, task.cost.bound_by, ...nodes.map(nodeName),
      ...nodes.flatMap((node) => node.forms), ...findings.flatMap((finding) => [finding.level, finding.rule]),
      ...arrays.map((array) => array.name), ...task.operands.map((operand) => operand.name)].join(" ").toLowerCase();
  }
  return haystack[index];
}

/** Whether a task writes a field of this name with this value, as the details show it. */
function writes(index, name, value) {
  const form = forms[tasks[index].form].registers, words = wordsOf(index);
  return form.some((number, place) => {
    const register = registers[number], owner = `${data.blocks[register.block].name}.${register.name}`;
    return register.fields.some((field) => `.${owner}.${field.name}`.toLowerCase().endsWith(`.${name}`) &&
      isValue(field, words[place], register, value));
  });
}

function isValue(field, word, register, value) {
  const text = fieldText(field, word, register).toLowerCase();
  return text === value || text.startsWith(`${value} (`) || text.startsWith(`${value},`) || text.includes(`(${value})`);
}

function search(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const isHit = (index) => words.every((word) => {
    const [, name, value] = word.match(/^([^=]+)=(.+)$/) || [];
    return name ? writes(index, name, value) : textOf(index).includes(word);
  });
  if (!words.length) return null;
  if (/^\d+$/.test(query.trim()) && Number(query) < tasks.length) return new Set([Number(query)]);
  return new Set(tasks.map((_, index) => index).filter(isHit));
}

function updateSearch() {
  view.hits = search(byId("search").value);
  byId("found").textContent = view.hits ? `${view.hits.size.toLocaleString("en")} of ${counted(tasks.length, "task")}` : "";
  drawPicture();
}

/** Goes to the next or previous hit, around the ends. */
function goToHit(step) {
  const hits = [...(view.hits || [])];
  if (!hits.length) return;
  if (step < 0) hits.reverse();
  const next = hits.find((index) => (index - view.selected) * step > 0) ?? hits[0];
  location.hash = `task-${next}`;
}
