// Elements: everything that is shown goes through `el`, which makes text of texts, so names cannot become markup.
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; texts and numbers become text, null is left out. */
function el(tag, attributes = {}, ...children) {
  const svg = el.svg.has(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}
el.svg = new Set(["svg", "path", "rect", "line", "polyline", "g", "text"]);
const svgTitle = (text) => {
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = text;
  return title;
};

const taskLink = (index, text = `task ${index}`) => el("a", { href: `#task-${index}` }, text);
const bufferLink = (bar, text) => {
  const buffer = bufferAt.get(bar);
  return buffer ? el("a", { href: `#${keyOf(buffer)}` }, text ?? buffer.name) : text ?? "no buffer";
};

/** A table with a caption; rows are lists of cells, of which the first heads its row. */
function table(caption, headings, rows, css = "") {
  const cells = (row) => row.map((cell, column) =>
    column ? el("td", {}, cell) : el("th", { scope: "row" }, cell));
  return el("div", { class: "wide", tabindex: 0, role: "group", "aria-label": caption },
    el("table", { class: css },
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, headings.map((heading) => el("th", { scope: "col" }, heading)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, cells(row))))));
}

/** A table whose further rows come when they are asked for. */
function longTable(caption, headings, rows, most = 100) {
  const box = el("div", {}, table(caption, headings, rows.slice(0, most)));
  if (rows.length > most) {
    const more = el("button", { type: "button", onclick: () => box.replaceChildren(table(caption, headings, rows)) },
      `Show all ${rows.length.toLocaleString("en")}`);
    box.append(more);
  }
  return box;
}

/** Facts as names and values; those without a value are left out. */
const facts = (pairs) => el("dl", { class: "facts" },
  pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));

const section = (title, ...children) => el("section", {}, el("h3", {}, title), children);

/** Runs of tasks as links. */
const runLinks = (runs, most = 12) => {
  const shown = runs.slice(0, most).flatMap(([first, last]) => [
    taskLink(first, String(first)), ...(last > first ? [" to ", taskLink(last, String(last))] : []), ", "]);
  shown.pop();
  return runs.length > most ? [...shown, `, and ${runs.length - most} more runs`] : shown;
};
