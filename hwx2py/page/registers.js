// The registers of a task: names, fields, meaning, and how each is known.
const shown = { zeros: false, sources: true, changes: false, filter: "" };

/** A word of what a task writes: its register, its fields as texts, and what the task before wrote there. */
function registerRows(index) {
  const form = forms[tasks[index].form], words = wordsOf(index);
  const before = index ? writtenBy(index - 1) : new Map();
  return form.registers.map((number, place) => {
    const register = registers[number], word = words[place], old = before.get(number);
    const fields = register.fields.map((field) => {
      const text = fieldText(field, word, register);
      const was = old === undefined ? null : fieldText(field, old, register);
      return { field, text, was: was === text ? null : was, isZero: bitsOf(field, word) === 0 };
    });
    return { register, word, old, fields, rest: (word & register.rest) >>> 0, slot: form.slots[place] };
  });
}

function registerSection(index) {
  const rows = registerRows(index);
  const box = el("div", { id: "register-tables" });
  const update = () => box.replaceChildren(...registerTables(rows));
  const check = (name, label) => {
    const input = el("input", { type: "checkbox", id: `show-${name}` });
    input.checked = shown[name];
    input.addEventListener("change", () => { shown[name] = input.checked; update(); });
    return el("label", { for: `show-${name}`, class: "check" }, input, label);
  };
  const filter = el("input", { type: "search", id: "register-filter", placeholder: "name, value or meaning",
    autocomplete: "off", spellcheck: "false" });
  filter.value = shown.filter;
  filter.addEventListener("input", () => { shown.filter = filter.value; update(); });
  update();
  return section("Registers",
    el("div", { class: "bar" }, el("label", { for: "register-filter" }, "Filter"), filter,
      check("zeros", "zeros too"), check("changes", "only changes from the task before"), check("sources", "sources")),
    box);
}

function registerTables(rows) {
  const wanted = shown.filter.trim().toLowerCase();
  const blocks = new Map();
  for (const row of rows) {
    const title = `${data.blocks[row.register.block].name}.${row.register.name}`;
    const inTitle = `${title} ${texts[row.register.meaning]}`.toLowerCase().includes(wanted);
    const fields = row.fields.filter(({ field, text, was, isZero }) =>
      (shown.zeros || !isZero || (shown.changes && was !== null) || (wanted && !inTitle)) && (!shown.changes || was !== null) &&
      (inTitle || `${field.name}=${text} ${texts[field.meaning]}`.toLowerCase().includes(wanted)));
    const bare = !row.register.fields.length || row.rest;
    if (!fields.length && !(bare && inTitle && (row.word || shown.zeros) && (!shown.changes || row.old !== row.word))) continue;
    if (!blocks.has(row.register.block)) blocks.set(row.register.block, []);
    blocks.get(row.register.block).push([row, title, fields]);
  }
  if (!blocks.size) return [el("p", { class: "quiet" }, "No register is like this.")];
  return [...blocks].map(([number, found]) => {
    const block = data.blocks[number];
    return el("details", { open: true, class: "block" },
      el("summary", {}, el("b", {}, block.name), ` ${block.meaning}`),
      el("table", { class: "registers" },
        el("caption", { class: "unseen" }, `Registers of ${block.name}`),
        el("thead", { class: "unseen" }, el("tr", {}, ["Register or field", "Value", "Meaning"].map((heading) =>
          el("th", { scope: "col" }, heading)))),
        found.map(registerBody)));
  });
}

function registerBody([{ register, word, rest, slot }, title, fields]) {
  const buffer = slot === undefined ? null : [" relative to ", bufferLink(slot, bufferAt.get(slot)?.name ?? `slot ${slot}`)];
  return el("tbody", {},
    el("tr", { class: "register" },
      el("th", { scope: "rowgroup" }, el("code", {}, title)),
      el("td", {}, el("code", {}, hex(word, 8)), buffer),
      el("td", {}, texts[register.meaning], " ", el("span", { class: "quiet mono" },
        `${register.header ? "+" : ""}${hex(register.address)}`),
        rest ? el("span", { class: "tag" }, `bits without a name: ${hex(rest)}`) : null)),
    fields.map(({ field, text, was }) => el("tr", { class: was === null ? "" : "changed" },
      el("th", { scope: "row" }, el("code", {}, field.name), " ", el("span", { class: "quiet mono" },
        field.msb === field.lsb ? `[${field.lsb}]` : `[${field.msb}:${field.lsb}]`)),
      el("td", {}, el("code", {}, text), was === null ? null : el("span", { class: "quiet was" }, ` was ${was}`)),
      el("td", {}, texts[field.meaning],
        shown.sources ? el("span", { class: "source" },
          el("span", { class: `tag ${field.confidence}` }, field.confidence), ` ${texts[field.source]}`) : null))));
}

/** Registers that a task finds as earlier tasks left them: register -> the last task that wrote it, and the word. */
function keptBy(index) {
  const own = new Set(forms[tasks[index].form].registers), found = new Map(), seen = new Set();
  for (let at = index - 1; at >= 0; at--) {
    if (seen.has(tasks[at].form)) continue; // a later task of this form wrote the same registers
    seen.add(tasks[at].form);
    for (const [number, word] of writtenBy(at)) {
      if (!own.has(number) && !registers[number].header && !found.has(number)) found.set(number, { at, word });
    }
  }
  return found;
}

function keptSection(index) {
  const found = [...keptBy(index)].sort(([a], [b]) => registers[a].address - registers[b].address);
  if (!found.length) return null;
  const box = el("details", { class: "block" }, el("summary", {}, el("b", {}, counted(found.length, "register")),
    " kept from earlier tasks"));
  box.addEventListener("toggle", () => {
    if (box.children.length > 1) return;
    box.append(table("Registers kept from earlier tasks", ["register", "word", "fields", "written by"], found.map(([number, { at, word }]) => {
      const register = registers[number];
      const fields = register.fields.filter((field) => bitsOf(field, word)).map((field) => `${field.name}=${fieldText(field, word, register)}`);
      return [el("code", {}, `${data.blocks[register.block].name}.${register.name}`), el("code", {}, hex(word, 8)),
        el("code", {}, fields.join(" ")), taskLink(at)];
    })));
  });
  return box;
}
