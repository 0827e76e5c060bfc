
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dialog = document.getElementById("evidence");
  const rank = ["bad", "conflicting", "inferred-bad", "untestable", "unknown", "inferred-good", "good"];

  function make(tag, text = "", name = "") {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
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

  function runs(cell) {
    return cell.runs.flatMap((run) => {
      const parts = [make("h3", run.heading), facts(run.facts.map((at) => data.facts[at]))];
      if (run.output) parts.push(folded("The end of its output", run.output, true));
      if (run.installed.length) {
        const names = run.installed.map((at) => data.distributions[at]);
        parts.push(folded(`${names.length} ${names.length === 1 ? "distribution" : "distributions"} installed`, names.join("\n"), false));
      }
      return parts;
    });
  }

  function show(title, parts, steps) {
    const top = make("div", "", "bar-top");
    const heading = make("h2", title);
    heading.id = "evidence-title";
    const close = make("button", "✕");
    close.setAttribute("aria-label", "Close");
    close.autofocus = true;
    close.addEventListener("click", () => dialog.close());
    const told = make("div", "", "told");
    told.append(...parts);
    top.append(heading, ...steps, close);
    dialog.replaceChildren(top, told);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });

  function start(section) {
    const told = data.sections[Number(section.dataset.section)];
    const one = (selector) => section.querySelector(selector);
    const all = (selector) => [...section.querySelectorAll(selector)];
    const body = one("tbody");
    const heads = all("thead th");
    const rows = [...body.rows];
    const chips = all(".chip");
    const boxes = all("fieldset input");
    const select = one("select.line");
    const menu = one(".menu");
    const scroll = one(".scroll");
    let sorted = { column: 0, by: "", down: false };
    let active = null;

    const spoken = (td) => td.querySelector(".word").textContent;

    function showCell(button) {
      const td = button.closest("td");
      const row = td.parentElement;
      const column = told.columns[td.cellIndex - 1];
      const line = told.lines[Number(row.dataset.row)];
      const cell = line.cells[td.cellIndex - 1];
      const why = td.querySelector(".why");
      const said = make("p", meaning(td) + (why ? ` (${why.textContent})` : ""), "said");
      if (td.dataset.failure) said.append(` ${column.failures[Number(td.dataset.failure) - 1]}`);
      said.dataset.state = td.dataset.state;
      said.prepend(td.querySelector(".symbol").cloneNode(true));
      const parts = [make("p", column.title, "lede"), said];
      if (cell && cell.detail) parts.push(make("pre", cell.detail));
      if (line.yanked) parts.push(facts([["yanked", line.yanked]]));
      if (cell) parts.push(...runs(cell));
      parts.push(make("h3", "Conditions"), facts(column.facts));
      const steps = [["↑", "Previous release", -1], ["↓", "Next release", 1]].map((step) => {
        const shown = rows.filter((other) => !other.hidden);
        const next = shown[shown.indexOf(row) + step[2]];
        const move = make("button", step[0]);
        move.setAttribute("aria-label", step[1]);
        move.disabled = !next;
        move.addEventListener("click", () => {
          const target = next.cells[td.cellIndex].firstElementChild;
          activate(target);
          showCell(target);
          dialog.querySelector(`[aria-label="${step[1]}"]`).focus();
        });
        return move;
      });
      show(`${told.package} ${line.label}, ${column.name}`, parts, steps);
    }

    function meaning(td) {
      return chips.find((chip) => chip.dataset.state === td.dataset.state).title;
    }

    function showRow(button) {
      const row = button.closest("tr");
      const line = told.lines[Number(row.dataset.row)];
      const about = [["uploaded", line.date], ["yanked", line.yanked]].filter((pair) => pair[1]);
      const picks = [...row.cells].slice(1).map((td, at) => {
        const pick = make("button", "", "pick");
        const size = td.querySelector(".peak, .why");
        const said = spoken(td) + (size ? `, ${size.textContent}` : "");
        pick.append(make("strong", told.columns[at].name), make("span", said));
        pick.addEventListener("click", () => showCell(td.firstElementChild));
        return pick;
      });
      show(`${told.package} ${line.label}`, [facts(about), make("h3", "Probes"), ...picks], []);
    }

    function filter() {
      const wanted = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true")
        .map((chip) => chip.dataset.state);
      const shown = boxes.filter((box) => box.checked).map((box) => Number(box.value));
      heads.slice(1).forEach((head, at) => { head.hidden = !shown.includes(at); });
      let kept = 0;
      for (const row of rows) {
        const cells = [...row.cells].slice(1);
        cells.forEach((td, at) => { td.hidden = !shown.includes(at); });
        const some = cells.some((td) => !td.hidden && wanted.includes(td.dataset.state));
        row.hidden = (select.value !== "" && row.dataset.line !== select.value) ||
          (wanted.length > 0 && !some);
        kept += row.hidden ? 0 : 1;
      }
      const all = shown.length === boxes.length;
      one(".menu summary span").textContent = all ? "all" : `${shown.length} of ${boxes.length}`;
      const plain = all && wanted.length === 0 && select.value === "";
      one(".clear").hidden = plain;
      one(".status").textContent = 
        kept === rows.length ? `All ${kept} rows` : `${kept} of ${rows.length} rows`;
      section.querySelector(":scope > .nothing").hidden = kept > 0;
      scroll.hidden = kept === 0;
      mark();
      if (!active || active.closest("[hidden]")) activate(grid()[0][0]);
    }

    function mark() {
      let before = null;
      for (const row of body.rows) {
        const turns = before !== null && !row.hidden && row.dataset.line !== before;
        row.classList.toggle("turn", sorted.column === 0 && turns);
        if (!row.hidden) before = row.dataset.line;
      }
    }

    function sort(button) {
      const head = button.closest("th");
      const by = button.dataset.by || "";
      const same = sorted.column === head.cellIndex && sorted.by === by;
      sorted = { column: head.cellIndex, by, down: same ? !sorted.down : by === "memory" };
      const value = (row) => {
        const td = row.cells[sorted.column];
        if (sorted.column === 0) return Number(row.dataset.row);
        return by === "memory" ? Number(td.dataset.peak || -1) : rank.indexOf(td.dataset.state);
      };
      const sign = sorted.down ? -1 : 1;
      rows.sort((a, b) => sign * (value(a) - value(b)) || a.dataset.row - b.dataset.row);
      body.append(...rows);
      const way = sorted.down ? "descending" : "ascending";
      for (const other of heads) {
        other.removeAttribute("aria-sort");
        other.querySelectorAll(".sort").forEach((inner) => delete inner.dataset.sorted);
      }
      head.setAttribute("aria-sort", way);
      button.dataset.sorted = way;
      mark();
    }

    function grid() {
      const shown = rows.filter((row) => !row.hidden).map((row) => [...row.cells]);
      const first = (cell) => cell.querySelector("button");
      const second = (cell) => cell.querySelector(".memory");
      return [[heads, first], [heads, second], ...shown.map((cells) => [cells, first])]
        .map(([cells, pick]) => cells.filter((cell) => !cell.hidden).map(pick));
    }

    function activate(button) {
      if (active) active.tabIndex = -1;
      active = button;
      active.tabIndex = 0;
    }

    one("table").addEventListener("keydown", (event) => {
      const button = event.target.closest("button");
      if (!button || event.altKey || event.metaKey) return;
      const lines = grid();
      const from = lines.findIndex((line) => line.includes(button));
      const at = lines[from].indexOf(button);
      const [last, end] = [lines.length - 1, lines[0].length - 1];
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
      while (lines[row] && !lines[row][column]) row += Math.sign(to[0] - from) || -1;
      if (!lines[row]) return;
      activate(lines[row][column]);
      active.focus();
    });

    one("table").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      activate(button);
      if (button.classList.contains("sort")) sort(button);
      else if (button.classList.contains("cell")) showCell(button);
      else showRow(button);
    });
    dialog.addEventListener("close", () => {
      if (active && section.contains(active) && opened === section) active.focus();
    });
    section.addEventListener("click", () => { opened = section; }, true);

    for (const chip of chips) {
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        filter();
      });
    }
    select.addEventListener("change", filter);
    for (const box of boxes) box.addEventListener("change", filter);
    for (const button of all("fieldset button")) {
      button.addEventListener("click", () => {
        for (const box of boxes) box.checked = button.dataset.all !== "";
        filter();
      });
    }
    one(".clear").addEventListener("click", () => {
      for (const chip of chips) chip.setAttribute("aria-pressed", "false");
      for (const box of boxes) box.checked = true;
      select.value = "";
      filter();
      (chips[0] || select).focus();
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      one(".menu summary").focus();
    });
    one(".menu summary").addEventListener("click", (event) => {
      event.preventDefault();
      menu.open = !menu.open;
      const panel = one("fieldset");
      const beyond = menu.getBoundingClientRect().left + panel.offsetWidth + 16 - innerWidth;
      panel.style.insetInlineStart = `${Math.min(0, -beyond)}px`;
    });
    document.addEventListener("click", (event) => {
      if (!menu.contains(event.target)) menu.open = false;
    });

    for (const button of all("td button, tbody th button, thead .sort")) button.tabIndex = -1;
    for (const button of all("button:disabled")) button.disabled = false;
    one(".choices").hidden = false;
    select.value = "";
    activate(heads[0].querySelector("button"));
    filter();
    const [head, side] = [heads[0].offsetHeight, heads[0].offsetWidth];
    scroll.style.scrollPadding = `${head}px 1px 1px ${side}px`;
  }

  let opened = null;
  document.querySelectorAll("section.package").forEach(start);
})();
