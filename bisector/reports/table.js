
// The page: what its tables are made with, what it shows of them, and its address.

const data = JSON.parse(document.getElementById("data").textContent);
const dialog = document.getElementById("evidence");
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const measured = ["bad", "conflicting", "good"];

// A number stands for what is shared at its place: of a value, and of all that is in it.
const value = (told) => typeof told === "number" ? data.shared[told] : told;
function whole(told) {
  const shown = value(told);
  return Array.isArray(shown) ? shown.map(whole) : shown;
}

function make(tag, text = "", name = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

function draw(tag, attributes, ...inner) {
  const element = document.createElementNS(one("svg").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inner);
  return element;
}

function symbol(state) {
  return draw("svg", { class: "symbol", viewBox: "0 0 16 16", "aria-hidden": "true" },
    draw("use", { href: `#${state}` }));
}

// Peak memory per release; only where something is bad there are dots.
function sparkline(cells, highest) {
  const at = (cell, n) => [3 + 114 * n / Math.max(cells.length - 1, 1), 21 - 18 * cell.peak / highest];
  const points = cells.map((cell, n) => cell.peak === null ? null : at(cell, n));
  const dots = points.flatMap((point, n) => point && cells[n].state === "bad"
    ? [draw("circle", { cx: point[0].toFixed(1), cy: point[1].toFixed(1), r: 2 })] : []);
  const line = points.filter(Boolean).map((point) => point.map((v) => v.toFixed(1)).join()).join(" ");
  return draw("svg", { class: "spark", viewBox: "0 0 120 24", "aria-hidden": "true" },
    draw("path", { d: "M0 21.5H120" }), draw("polyline", { points: line }), ...dots);
}

function facts(pairs) {
  const list = make("dl");
  for (const [label, text] of pairs) {
    const pair = make("div");
    pair.append(make("dt", label), make("dd", text));
    list.append(pair);
  }
  return list;
}

function folded(summary, text, open) {
  const details = make("details");
  details.open = open;
  details.append(make("summary", summary), make("pre", text));
  return details;
}

function told([heading, labels, values, output, installed]) {
  const parts = [make("h3", heading), facts(labels.map((label, at) => [label, values[at]]))];
  if (output) parts.push(folded("The end of its output", output, true));
  if (installed.length) {
    const noun = installed.length === 1 ? "distribution" : "distributions";
    parts.push(folded(`${installed.length} ${noun} installed`, installed.join("\n"), false));
  }
  return parts;
}

function show(title, parts, steps) {
  const top = make("div", "", "bar-top");
  const heading = make("h2", title);
  heading.id = "evidence-title";
  const close = make("button", "✕");
  close.setAttribute("aria-label", "Close");
  close.autofocus = true;
  close.addEventListener("click", () => dialog.close());
  const body = make("div", "", "told");
  body.append(...parts);
  top.append(heading, ...steps, close);
  dialog.replaceChildren(top, body);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

// The cells, made of little more than words.
function cellOf(td) {
  const note = one("i", td);
  const state = td.className;
  const peak = note && measured.includes(state) ? Number(note.textContent) : null;
  return { td, state, peak, note: note ? note.textContent : "" };
}

function dress({ td, state, peak, note }, highest) {
  const button = make("button", "", "cell");
  const word = make("span", "", "word");
  word.append(...[...td.childNodes].filter((node) => node.nodeName !== "I"));
  word.normalize();
  button.append(symbol(state), word);
  if (peak !== null && state !== "conflicting") {
    const bar = make("span", "", "bar");
    bar.style.setProperty("--length", peak / highest);
    button.append(bar);
  }
  if (note) button.append(make("span", note, peak === null ? "why" : "peak"));
  td.replaceChildren(button);
}

const chips = all(".chip");
const search = one("input[type=search]");
const fold = one(".fold");
const clear = one(".clear");

// What is shown, beside the search and the chips: columns that never change, one behaviour, a cell.
let unfolded = false;
let only = "";
let openedIn = null;

const sections = all("section.package").map(start);

function update() {
  const wanted = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true")
    .map((chip) => chip.dataset.state);
  const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const releases = terms.filter((term) => /^\d/.test(term));
  const words = terms.filter((term) => !/^\d/.test(term));
  for (const section of sections) section.filter(wanted, releases, words);
  const shown = sections.filter((section) => !section.element.hidden);
  const sum = (of) => shown.reduce((total, section) => total + of(section), 0);
  const rows = sum((section) => section.kept.length);
  const columns = sum((section) => section.shown.length);
  const folded = sections.reduce((total, section) => total + section.folded, 0);
  fold.hidden = !folded;
  fold.textContent = `${unfolded ? "Hide" : "Show"} ${folded} that never change`;
  fold.setAttribute("aria-pressed", String(unfolded));
  clear.hidden = !wanted.length && !terms.length && !only;
  one(".status").textContent = `${rows} ${rows === 1 ? "release" : "releases"}, ` +
    `${columns} ${columns === 1 ? "column" : "columns"}`;
  one("#nothing").hidden = shown.length > 0;
  for (const chip of chips) {
    const state = chip.dataset.state;
    const count = sections.reduce((total, section) => total + section.shown.reduce((n, column) =>
      n + column.cells.filter((cell) => cell.state === state).length, 0), 0);
    one(".count", chip).textContent = count;
  }
  for (const link of all(".windows a")) {
    const of = new URLSearchParams(link.hash.slice(1)).get("only");
    link.setAttribute("aria-current", String(of === only));
  }
  remember();
}

// The address says what is shown, so that a link shows it to someone else.
function remember() {
  if (restoring) return;
  const said = new URLSearchParams();
  const pressed = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true");
  if (search.value.trim()) said.set("q", search.value.trim());
  if (pressed.length) said.set("show", pressed.map((chip) => chip.dataset.state).join());
  if (only) said.set("only", only);
  if (unfolded) said.set("all", "yes");
  for (const { packageName, sorted } of sections) {
    if (!sorted) continue;
    const way = `${sorted.by}-${sorted.down ? "down" : "up"}`;
    said.append("sort", [packageName, way, sorted.column ? sorted.column.id : ""].join("/"));
  }
  if (openedIn && dialog.open) {
    const { line, column } = openedIn.opened;
    said.set("cell", [openedIn.packageName, line.label, column ? column.id : ""].join("/"));
  }
  const text = said.toString();
  if (text !== location.hash.slice(1)) {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
}

let restoring = false;

function restore() {
  const said = new URLSearchParams(location.hash.slice(1));
  const states = (said.get("show") || "").split(",");
  const parted = (text) => {
    const [name, second, ...rest] = text.split("/");
    const section = sections.find((each) => each.packageName === name);
    const column = section && section.columns.find((each) => each.id === rest.join("/"));
    return { section, second, column: column || null };
  };
  restoring = true;
  search.value = said.get("q") || "";
  for (const chip of chips) chip.setAttribute("aria-pressed", String(states.includes(chip.dataset.state)));
  only = said.get("only") || "";
  unfolded = said.has("all");
  for (const section of sections) section.sorted = null;
  for (const { section, second, column } of said.getAll("sort").map(parted)) {
    const [, by, way] = /^(release|outcome|memory)-(up|down)$/.exec(second) || [];
    if (!section || !by || (by === "release") !== !column) continue;
    if (by === "memory" && !column.highest) continue;
    section.sorted = { column, by, down: way === "down" };
  }
  update();
  for (const section of sections) section.sort();
  const { section, second, column } = parted(said.get("cell") || "");
  const line = section && section.lines.find((each) => each.label === second);
  if (line) section.open(line, column);
  else if (dialog.open) dialog.close();
  restoring = false;
  remember();
}

// Show what an address says, from where it begins.
function follow() {
  restore();
  const first = sections.find((section) => !section.element.hidden);
  if (first) first.element.scrollIntoView();
}

if (sections.length) {
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      update();
    });
  }
  search.addEventListener("input", update);
  fold.addEventListener("click", () => { unfolded = !unfolded; update(); });
  clear.addEventListener("click", () => {
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    search.value = only = "";
    update();
    search.focus();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    if (openedIn) openedIn.focus();
    openedIn = null;
    remember();
  });
  addEventListener("hashchange", follow);
  one(".controls").hidden = false;
  if (location.hash) follow();
  else restore();
  for (const section of sections) section.fit();
}
