
"use strict";

// One table of the page: its cells, its columns and rows, what it shows of them.

const rank = ["bad", "conflicting", "inferred-bad", "untestable", "unknown", "inferred-good", "good"];

// Whether a release, or one of a fold's, is of those that begin so.
function begins(label, text) {
  const [first, last = first] = label.split("–");
  if (first.startsWith(text) || last.startsWith(text)) return true;
  const order = (a, b) => a.localeCompare(b, "en", { numeric: true });
  return first !== last && order(first, text) < 0 && order(text, last) < 0;
}

function start(element, number) {
  const [packageTold, columnsTold, linesTold] = value(data.sections[number]);
  const packageName = whole(packageTold);
  const body = one("tbody", element);
  const scroll = one(".scroll", element);
  const heads = all("thead tr:last-child th", element);
  const groups = all("th[data-group]", element).flatMap((head) => Array(head.colSpan).fill(head));
  const lines = [...body.rows].map((row, at) => {
    const [label, date, yanked, told] = value(value(linesTold)[at]);
    return { row, at, label: whole(label), date: whole(date), yanked: whole(yanked),
      told: value(told), cells: [...row.cells].slice(1).map(cellOf) };
  });
  const columns = heads.slice(1).map((head, at) => {
    const [name, title, conditions, failures] = whole(columnsTold)[at];
    const python = one(".python", head);
    const id = name + (python ? ` ${python.textContent}` : "");
    const cells = lines.map((line) => line.cells[at]);
    const highest = Math.max(...cells.map((cell) => cell.peak || 0));
    return { head, at, id, name, title, conditions, failures, cells, highest, group: groups[at],
      text: `${packageName} ${id} ${title}`.toLowerCase() };
  });
  const section = { element, packageName, lines, columns, sorted: null, shown: columns, opened: null };
  let active = null;

  for (const column of columns) {
    for (const cell of column.cells) dress(cell, column.highest);
    const sort = make("button", "", "sort");
    sort.append(...column.head.childNodes);
    const div = make("div");
    div.append(sort);
    if (column.highest) {
      const memory = make("button", "", "sort memory");
      memory.append(sparkline(column.cells, column.highest),
        make("span", `≤ ${column.highest.toFixed(0)} MiB`, "top"));
      memory.addEventListener("click", () => sortBy(column, "memory"));
      div.append(memory);
    }
    column.head.replaceChildren(div);
    sort.addEventListener("click", () => sortBy(column, "outcome"));
  }
  const release = make("button", heads[0].textContent, "sort");
  heads[0].replaceChildren(release);
  release.addEventListener("click", () => sortBy(null, "release"));
  for (const line of lines) {
    const head = line.row.cells[0];
    const button = make("button", "", "release");
    const date = one("i", head);
    date.remove();
    const version = make("span", "", "version");
    version.append(...head.childNodes);
    button.append(version, make("span", date.textContent, "date"));
    head.replaceChildren(button);
  }
  for (const head of new Set(groups)) {
    const button = make("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => { only = isOnly(head) ? "" : path(head); update(); });
    head.append(button);
  }

  function path(head) { return `${packageName}/${head.dataset.group}`; }
  function isOnly(head) { return only === path(head); }

  section.filter = (wanted, releases, words) => {
    const listed = columns.filter((column) => {
      if (only) return isOnly(column.group);
      if (words.length) return words.every((word) => column.text.includes(word));
      return true;
    });
    const moving = listed.filter((column) => !("fixed" in column.group.dataset));
    section.folded = only || words.length || !moving.length ? 0 : listed.length - moving.length;
    section.shown = section.folded && !unfolded ? moving : listed;
    for (const column of columns) {
      const hidden = !section.shown.includes(column);
      column.head.hidden = hidden;
      for (const cell of column.cells) cell.td.hidden = hidden;
    }
    for (const head of new Set(groups)) {
      head.colSpan = Math.max(1, section.shown.filter((column) => column.group === head).length);
      head.hidden = !section.shown.some((column) => column.group === head);
      head.classList.toggle("only", isOnly(head));
    }
    for (const line of lines) {
      const cells = section.shown.map((column) => line.cells[column.at]);
      line.row.hidden = !cells.length || (releases.length && !releases.some((r) => begins(line.label, r))) ||
        (wanted.length > 0 && !cells.some((cell) => wanted.includes(cell.state)));
    }
    section.kept = lines.filter((line) => !line.row.hidden);
    element.hidden = lines.length > 0 && !section.kept.length;
    mark();
    if (!active || active.closest("[hidden]")) activate(grid()[0][0]);
  };

  section.sort = () => {
    const { column, by, down } = section.sorted || { column: null, by: "release", down: false };
    const place = (line) => {
      if (!column) return line.at;
      const cell = line.cells[column.at];
      return by === "memory" ? cell.peak ?? -1 : rank.indexOf(cell.state);
    };
    const sign = down ? -1 : 1;
    lines.sort((a, b) => sign * (place(a) - place(b)) || a.at - b.at);
    body.append(...lines.map((line) => line.row));
    const way = down ? "descending" : "ascending";
    for (const head of heads) head.removeAttribute("aria-sort");
    for (const button of all(".sort", element)) delete button.dataset.sorted;
    const head = column ? column.head : heads[0];
    head.setAttribute("aria-sort", way);
    one(by === "memory" ? ".memory" : ".sort", head).dataset.sorted = way;
    mark();
  };

  function sortBy(column, by) {
    const now = section.sorted || { column: null, by: "release", down: false };
    const same = now.column === column && now.by === by;
    section.sorted = { column, by, down: same ? !now.down : by === "memory" };
    section.sort();
    remember();
  }

  function mark() {
    let before = null;
    const parted = section.sorted && section.sorted.column;
    for (const { row, label } of lines) {
      const series = label.split(".").slice(0, 2).join(".");
      row.classList.toggle("turn", !parted && !row.hidden && before !== null && series !== before);
      if (!row.hidden) before = series;
    }
  }

  section.open = (line, column) => {
    section.opened = { line, column };
    openedIn = section;
    if (column) showCell(line, column);
    else showRow(line);
    remember();
  };

  function showCell(line, column) {
    const cell = line.cells[column.at];
    const [detail, ...runs] = whole(line.told[column.at]) || [""];
    const meaning = one(`.chip[data-state="${cell.state}"]`).title;
    const said = make("p", meaning + (cell.peak === null && cell.note ? ` (${cell.note})` : ""), "said");
    const failure = one("sup", cell.td);
    if (failure) said.append(` ${column.failures[Number(failure.textContent) - 1]}`);
    said.dataset.state = cell.state;
    said.prepend(symbol(cell.state));
    const parts = [make("p", column.title, "lede"), said];
    if (detail) parts.push(make("pre", detail));
    if (line.yanked) parts.push(facts([["yanked", line.yanked]]));
    parts.push(...runs.flatMap(told), make("h3", "Conditions"), facts(column.conditions));
    const kept = lines.filter((other) => !other.row.hidden);
    const steps = [["↑", "Previous release", -1], ["↓", "Next release", 1]].map(([text, name, by]) => {
      const next = kept[kept.indexOf(line) + by];
      const move = make("button", text);
      move.setAttribute("aria-label", name);
      move.disabled = !next;
      move.addEventListener("click", () => {
        activate(one("button", next.cells[column.at].td));
        section.open(next, column);
        one(`[aria-label="${name}"]`, dialog).focus();
      });
      return move;
    });
    show(`${packageName} ${line.label}, ${column.name}`, parts, steps);
  }

  function showRow(line) {
    const about = [["uploaded", line.date], ["yanked", line.yanked]].filter((pair) => pair[1]);
    const picks = section.shown.map((column) => {
      const cell = line.cells[column.at];
      const word = one(".word", cell.td).firstChild.data.trim();
      const note = cell.peak === null ? cell.note : `${cell.note} MiB`;
      const pick = make("button", "", "pick");
      pick.append(make("strong", column.id), make("span", word + (note ? `, ${note}` : "")));
      pick.addEventListener("click", () => section.open(line, column));
      return pick;
    });
    show(`${packageName} ${line.label}`, [facts(about), make("h3", "Probes"), ...picks], []);
  }

  function grid() {
    const first = (cell) => one("button", cell);
    const top = [heads[0], ...section.shown.map((column) => column.head)];
    const rows = lines.filter((line) => !line.row.hidden).map((line) =>
      [line.row.cells[0], ...section.shown.map((column) => line.cells[column.at].td)]);
    return [top.map(first), top.map((head) => one(".memory", head)), ...rows.map((row) => row.map(first))];
  }

  function activate(button) {
    if (active) active.tabIndex = -1;
    active = button;
    active.tabIndex = 0;
  }

  const table = one("table", element);
  table.addEventListener("keydown", (event) => {
    const button = event.target.closest("button");
    if (!button || event.altKey || event.metaKey || button.closest(".groups")) return;
    const rows = grid();
    const from = rows.findIndex((line) => line.includes(button));
    const at = rows[from].indexOf(button);
    const [last, end] = [rows.length - 1, rows[0].length - 1];
    const far = event.ctrlKey;
    const to = {
      ArrowUp: [from - 1, at], ArrowDown: [from + 1, at], ArrowLeft: [from, at - 1],
      ArrowRight: [from, at + 1], PageUp: [from - 10, at], PageDown: [from + 10, at],
      Home: [far ? 0 : from, 0], End: [far ? last : from, end],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    const column = Math.min(Math.max(to[1], 0), end);
    let row = Math.min(Math.max(to[0], 0), last);
    while (rows[row] && !rows[row][column]) row += Math.sign(to[0] - from) || -1;
    if (!rows[row]) return;
    activate(rows[row][column]);
    active.focus();
  });
  table.addEventListener("click", (event) => {
    const button = event.target.closest("tbody button, thead .sort");
    if (!button) return;
    activate(button);
    const line = lines.find((each) => each.row === button.closest("tr"));
    if (!line) return;
    const td = button.closest("td");
    section.open(line, td ? columns[td.cellIndex - 1] : null);
  });
  section.focus = () => { if (active) active.focus(); };
  for (const button of all("tbody button, thead .sort", element)) button.tabIndex = -1;
  section.fit = () => {
    const top = one("thead", element).offsetHeight;
    scroll.style.scrollPadding = `${top}px 1px 1px ${heads[0].offsetWidth}px`;
  };
  return section;
}
