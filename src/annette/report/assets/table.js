// All kernels as a table that sorts and filters; so many rows at a time as a page stays quick with.

const ROWS_AT_A_TIME = 100;

const COLUMNS = [
  { key: "number", title: "#", value: (kernel) => kernel.number, text: (kernel) => String(kernel.number + 1) },
  { key: "name", title: "kernel", value: (kernel) => kernel.name, left: true },
  { key: "module", title: "module", value: (kernel) => kernel.module.join("."), text: (kernel) => shortened(kernel.module.join(".") || "-", 32), left: true },
  { key: "latency", title: "time", value: (kernel) => kernel.latency, text: (kernel) => seconds(kernel.latency), heavy: true },
  { key: "share", title: "share", value: (kernel) => kernel.latency, text: (kernel) => percent(kernel.share), heavy: true },
  { key: "kind", title: "kind", value: (kernel) => kernel.kind, text: (kernel) => words(kernel.kind), left: true },
  { key: "shape", title: "shape", value: (kernel) => kernel.ops, text: (kernel) => kernel.shape, left: true },
  { key: "bound", title: "bound", value: (kernel) => kernel.bound, left: true },
  { key: "utilisation", title: "utilisation", value: (kernel) => kernel.utilisation, text: (kernel) => percent(kernel.utilisation), heavy: true },
  { key: "lost", title: "lost to unrolling", value: (kernel) => kernel.lost, text: (kernel) => (kernel.lost > 0 ? seconds(kernel.lost) : "-"), heavy: true },
  { key: "ops", title: "ops", value: (kernel) => kernel.ops, text: (kernel) => count(kernel.ops), heavy: true },
  { key: "bytes", title: "bytes", value: (kernel) => kernel.bytes, text: (kernel) => size(kernel.bytes), heavy: true },
  { key: "alive", title: "alive", value: (kernel) => kernel.alive ?? -1, text: (kernel) => (kernel.alive === null ? "-" : size(kernel.alive)), heavy: true },
  { key: "fused", title: "layers in it", value: (kernel) => kernel.layer_count, text: (kernel) => String(kernel.layer_count), heavy: true },
  { key: "rules", title: "rules", value: (kernel) => kernel.rules.join(", "), text: (kernel) => shortened(kernel.rules.join(", ") || "-", 32), left: true },
  { key: "method", title: "priced by", value: (kernel) => `${kernel.in_range ? 1 : 0}${kernel.method}`, text: (kernel) => kernel.method + (kernel.in_range ? "" : " ⚠ out of range"), left: true },
];

function kernelTable() {
  const head = byId("kernel-head");
  const body = byId("kernel-rows");
  const pages = byId("pages");
  const order = { key: "latency", descending: true };
  let columns = COLUMNS;
  let shown = [];
  let heaviest = 1;
  let first = 0;
  let rows = new Map();

  function sort() {
    const { value } = COLUMNS.find((column) => column.key === order.key);
    const sign = order.descending ? -1 : 1;
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    heaviest = current().kernels.reduce((most, kernel) => Math.max(most, kernel.share), 0) || 1;
    shown = current().kernels.filter(passes);
    shown.sort((a, b) => sign * compare(value(a), value(b)) || a.number - b.number);
  }

  function heading() {
    const { kernels } = current();
    const needed = { lost: (kernel) => kernel.lost > 0, module: (kernel) => !kernel.name.startsWith(kernel.module.join("/")) };
    columns = COLUMNS.filter(({ key }) => !(key in needed) || kernels.some(needed[key]));
    head.replaceChildren(...columns.map((column) => {
      const button = element("button", { type: "button" }, column.title, element("span", { ariaHidden: "true" }));
      button.addEventListener("click", () => sortBy(column));
      const cell = element("th", { scope: "col", className: column.left ? "left" : "" }, button);
      cell.dataset.key = column.key;
      return cell;
    }));
    arrows();
  }

  function arrows() {
    for (const cell of head.children) {
      const sorted = cell.dataset.key === order.key;
      if (sorted) cell.setAttribute("aria-sort", order.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
      cell.querySelector("span").textContent = sorted ? (order.descending ? " ▾" : " ▴") : "";
    }
  }

  function sortBy(column) {
    order.descending = order.key === column.key ? !order.descending : Boolean(column.heavy);
    order.key = column.key;
    arrows();
    fill();
  }

  function rowOf(kernel) {
    const row = element("tr", {});
    row.dataset.number = kernel.number;
    for (const column of columns) {
      const text = column.text ? column.text(kernel) : column.value(kernel);
      const cell = element("td", { className: column.left ? "left" : "" });
      if (column.key === "name") {
        cell.append(element("button", { type: "button", title: kernel.name }, shortened(text, 32)));
      } else if (column.key === "kind") {
        cell.append(swatch(kernel.kind), text);
      } else if (column.key === "share") {
        cell.append(text, bar(kernel.share / heaviest));
      } else {
        cell.append(text);
        if (column.key === "rules") cell.title = kernel.rules.join(", ");
        if (column.key === "module") cell.title = kernel.module.join(".");
      }
      row.append(cell);
    }
    rows.set(kernel.number, row);
    mark(row);
    return row;
  }

  function mark(row) {
    if (!row) return;
    const number = Number(row.dataset.number);
    if (number === state.selected) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    row.classList.toggle("hovered", number === state.hovered);
  }

  // Shows the page of rows that begins at a place in the order.
  function turnTo(place) {
    first = Math.max(0, Math.min(place, shown.length - 1));
    first -= first % ROWS_AT_A_TIME;
    rows = new Map();
    body.replaceChildren(...shown.slice(first, first + ROWS_AT_A_TIME).map(rowOf));
    pages.hidden = shown.length <= ROWS_AT_A_TIME;
    const last = Math.min(first + ROWS_AT_A_TIME, shown.length);
    byId("rows-shown").textContent = `rows ${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")}`;
    byId("rows-before").disabled = first === 0;
    byId("rows-behind").disabled = last === shown.length;
  }

  function fill() {
    sort();
    turnTo(0);
    const all = current().kernels.length;
    const time = shown.reduce((sum, kernel) => sum + kernel.share, 0);
    byId("shown").textContent = filtered()
      ? `${shown.length.toLocaleString("en")} of ${plural(all, "kernel")}, ${percent(time)} of their time`
      : plural(all, "kernel");
    byId("clear").disabled = !filtered();
  }

  function reveal() {
    const place = shown.findIndex((kernel) => kernel.number === state.selected);
    if (place < 0) return;
    if (place < first || place >= first + ROWS_AT_A_TIME) turnTo(place);
    const row = rows.get(state.selected);
    const view = byId("table-view");
    // Only the table scrolls: the plot that was clicked stays where it is.
    view.scrollTop = row.offsetTop - view.clientHeight / 2;
  }

  byId("rows-before").addEventListener("click", () => turnTo(first - ROWS_AT_A_TIME));
  byId("rows-behind").addEventListener("click", () => turnTo(first + ROWS_AT_A_TIME));
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row) select(Number(row.dataset.number), "table");
  });
  body.addEventListener("mouseover", (event) => hover(Number(event.target.closest("tr")?.dataset.number ?? -1), "table"));
  body.addEventListener("mouseleave", () => hover(-1, "table"));
  body.addEventListener("keydown", (event) => {
    const by = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const next = by && event.target.closest("tr")?.[by];
    if (!next) return;
    event.preventDefault();
    next.querySelector("button").focus();
    select(Number(next.dataset.number), "table");
  });

  let selected = -1;
  let hovered = -1;
  listeners.push((what, source) => {
    if (what === "estimate") heading();
    if (what === "estimate" || what === "filter") fill();
    if (what === "selected") {
      const before = rows.get(selected);
      selected = state.selected;
      if (source !== "table") reveal();
      mark(before);
      mark(rows.get(selected));
    }
    if (what === "hovered") {
      const before = rows.get(hovered);
      hovered = state.hovered;
      mark(before);
      mark(rows.get(hovered));
    }
  });
}
