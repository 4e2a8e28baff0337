// What is chosen is named by the address; everything else follows.
const details = byId("details");

function show() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch { name = ""; }
  const index = name.match(/^task-(\d+)$/)?.[1];
  const buffer = data.buffers.find((other) => keyOf(other) === name);
  if (name === "details") { details.focus(); return; }
  view.selected = index !== undefined && Number(index) < tasks.length ? Number(index) : -1;
  const content = view.selected >= 0 ? taskDetails(view.selected) : buffer ? bufferDetails(buffer) : programDetails();
  const back = el("a", { class: "back", href: "#picture-title", onclick: (event) => {
    event.preventDefault();
    byId("picture").scrollIntoView();
    focusRow();
  } }, "↑ to the picture");
  details.replaceChildren(back, ...content.flat(Infinity).filter(Boolean));
  details.scrollTop = 0;
  sheet.style.height = `${rowCount * rowHeight() + gap()}px`;
  if (view.selected >= 0) {
    reveal(view.selected);
    byId("said").textContent = `Task ${view.selected}: ${tasks[view.selected].does}`;
  } else if (buffer) byId("said").textContent = buffer.name;
  drawPicture();
  moveCursor(Math.max(view.selected, 0));
}

const focusRow = () => boxes.get(selectedRow())?.focus({ preventScroll: true });
const isNarrow = () => window.matchMedia("(max-width: 60rem)").matches;

/** Goes to a task without an entry of its own in the history. */
function select(index) {
  const inPicture = sheet.contains(document.activeElement);
  history.replaceState(null, "", `#task-${Math.max(0, Math.min(tasks.length - 1, index))}`);
  show();
  if (inPicture) focusRow();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, summary, .wide")) {
    if (event.key === "Escape" && event.target.id === "search") { event.target.value = ""; updateSearch(); }
    if (event.key === "Enter" && event.target.id === "search") { event.preventDefault(); goToHit(1); }
    return;
  }
  const inDetails = details.contains(event.target);
  const actions = {
    j: () => select(view.selected + 1), k: () => select(view.selected - 1),
    n: () => goToHit(1), N: () => goToHit(-1), "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1),
    "/": () => byId("search").focus(),
    ...(inDetails ? {} : { ArrowDown: () => select(view.selected + 1), ArrowUp: () => select(view.selected - 1),
      Home: () => select(0), End: () => select(tasks.length - 1) }),
  };
  if (!tasks.length && event.key !== "/") return;
  if (event.key === "Enter" && event.target.dataset.task !== undefined) {
    event.preventDefault();
    location.hash = `task-${event.target.dataset.task}`;
    show();
    details.querySelector("h2").focus();
    return;
  }
  const action = actions[event.key];
  if (action) { event.preventDefault(); action(); }
}

function start() {
  byId("search-form").hidden = false;
  document.querySelector("main").hidden = false;
  sheet.append(wires);
  startBands();
  let due = 0;
  const redraw = () => { due ||= requestAnimationFrame(() => { due = 0; drawPicture(); }); };
  scroll.addEventListener("scroll", redraw, { passive: true });
  scroll.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1 : -1, event.clientY - scroll.getBoundingClientRect().top);
  }, { passive: false });
  const anew = () => { redraw(); drawBands(); };
  new ResizeObserver(anew).observe(scroll);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
  window.addEventListener("hashchange", show);
  document.addEventListener("keydown", onKey);
  sheet.addEventListener("click", (event) => {
    if (event.target.closest("a") && isNarrow()) requestAnimationFrame(() => requestAnimationFrame(() => details.scrollIntoView()));
  });
  byId("smaller").addEventListener("click", () => zoom(-1));
  byId("larger").addEventListener("click", () => zoom(1));
  byId("map").addEventListener("pointerdown", (event) => {
    const jump = (to) => {
      const box = byId("map").getBoundingClientRect();
      scroll.scrollTop = ((to.clientY - box.top) / mapStep(box.height)) * rowHeight() - scroll.clientHeight / 2;
    };
    jump(event);
    const stop = () => { removeEventListener("pointermove", jump); removeEventListener("pointerup", stop); };
    addEventListener("pointermove", jump);
    addEventListener("pointerup", stop);
  });
  byId("search-form").addEventListener("submit", (event) => event.preventDefault());
  byId("search").addEventListener("input", updateSearch);
  byId("next").addEventListener("click", () => goToHit(1));
  byId("previous").addEventListener("click", () => goToHit(-1));
  byId("skip").addEventListener("click", (event) => { event.preventDefault(); details.focus(); });
  show();
}
start();
