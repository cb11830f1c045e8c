// Time by kind and by module; each row filters everything else.

function bar(share, fill) {
  const drawn = element("span", { className: "meter", ariaHidden: "true" }, element("span", {}));
  drawn.firstChild.style.width = `${Math.max(share * 100, share > 0 ? 0.5 : 0)}%`;
  if (fill) drawn.firstChild.style.background = fill;
  return drawn;
}

function kindRows() {
  const box = byId("kinds");

  function fill() {
    const { kinds, kernels_s: sum } = current();
    box.replaceChildren(...kinds.map((kind) => {
      const chosen = state.kind === kind.name;
      const row = element("button", { type: "button", className: "row" },
        element("span", { className: "name" }, swatch(kind.name), words(kind.name)),
        bar(sum > 0 ? kind.time / sum : 0, kindColour(kind.name)),
        element("span", { className: "figure" }, seconds(kind.time)),
        element("span", { className: "figure" }, sum > 0 ? percent(kind.time / sum) : "-"),
        element("span", { className: "figure soft" }, `${kind.count}×`));
      row.setAttribute("aria-pressed", String(chosen));
      row.addEventListener("click", () => filter({ kind: state.kind === kind.name ? "" : kind.name }));
      row.dataset.kind = kind.name;
      return element("li", {}, row);
    }));
  }

  listeners.push((what) => {
    if (what === "estimate") fill();
    if (what !== "filter") return;
    for (const row of box.querySelectorAll("button")) {
      row.setAttribute("aria-pressed", String(row.dataset.kind === state.kind));
    }
  });
}

function swatch(kind) {
  const drawn = element("span", { className: "swatch", ariaHidden: "true" });
  drawn.style.background = kindColour(kind);
  return drawn;
}

// Modules as a tree: { name, path, time, count, children by name }.
function moduleTree(kernels) {
  const root = { name: "", path: [], time: 0, count: 0, children: new Map() };
  for (const kernel of kernels) {
    let node = root;
    for (const part of [null, ...kernel.module]) {
      if (part !== null) {
        if (!node.children.has(part)) {
          node.children.set(part, { name: part, path: [...node.path, part], time: 0, count: 0, children: new Map() });
        }
        node = node.children.get(part);
      }
      node.time += kernel.latency;
      node.count += 1;
    }
  }
  return root;
}

function moduleRows() {
  const box = byId("modules");
  const open = new Set();
  let root = null;
  const keyOf = (node) => node.path.join("\u0000");
  const sorted = (node) => [...node.children.values()].sort((a, b) => b.time - a.time);

  function openUntilItBranches(node) {
    let at = node;
    while (at.children.size === 1) {
      at = at.children.values().next().value;
      open.add(keyOf(at));
    }
  }

  function rowOf(node, most) {
    const chosen = state.module.length === node.path.length && state.module.every((part, at) => part === node.path[at]);
    const row = element("button", { type: "button", className: "row" },
      element("span", { className: "name", title: node.path.join(".") }, shortened(node.name, 36)), bar(node.time / most),
      element("span", { className: "figure" }, seconds(node.time)),
      element("span", { className: "figure" }, percent(root.time > 0 ? node.time / root.time : 0)),
      element("span", { className: "figure soft" }, `${node.count}×`));
    row.setAttribute("aria-pressed", String(chosen));
    row.dataset.module = keyOf(node);
    row.addEventListener("click", () => filter({ module: row.getAttribute("aria-pressed") === "true" ? [] : node.path }));
    return row;
  }

  function nodeRow(node, most) {
    const item = element("li", {});
    const inner = element("ul", {});
    if (!node.children.size) {
      item.append(element("div", { className: "branch" }, element("span", { className: "toggle" }), rowOf(node, most)));
      return item;
    }
    const toggle = element("button", { type: "button", className: "toggle" });
    const expand = () => {
      const opened = open.has(keyOf(node));
      toggle.setAttribute("aria-expanded", String(opened));
      toggle.setAttribute("aria-label", `parts of ${node.path.join(".")}`);
      inner.replaceChildren(...(opened ? sorted(node).map((child) => nodeRow(child, most)) : []));
    };
    toggle.addEventListener("click", () => {
      if (!open.delete(keyOf(node))) open.add(keyOf(node));
      expand();
    });
    expand();
    item.append(element("div", { className: "branch" }, toggle, rowOf(node, most)), inner);
    return item;
  }

  // Kernels that belong to no module, so that the shares add up.
  function beside() {
    const rest = current().kernels.filter((kernel) => !kernel.module.length);
    if (!rest.length) return [];
    const time = rest.reduce((sum, kernel) => sum + kernel.latency, 0);
    const share = root.time > 0 ? time / root.time : 0;
    const row = element("div", { className: "row" },
      element("span", { className: "name" }, "in no module"), bar(share, OTHER_COLOUR),
      element("span", { className: "figure" }, seconds(time)), element("span", { className: "figure" }, percent(share)),
      element("span", { className: "figure soft" }, `${rest.length}×`));
    return [element("li", { className: "branch" }, element("span", { className: "toggle" }), row)];
  }

  function fill() {
    root = moduleTree(current().kernels);
    open.clear();
    openUntilItBranches(root);
    const most = Math.max(root.time, Number.MIN_VALUE);
    const rows = sorted(root).map((node) => nodeRow(node, most));
    box.replaceChildren(...rows, ...(rows.length ? beside() : []));
    byId("no-modules").hidden = rows.length > 0;
  }

  listeners.push((what) => {
    if (what === "estimate") fill();
    if (what !== "filter") return;
    for (const row of box.querySelectorAll("button.row")) {
      row.setAttribute("aria-pressed", String(state.module.length > 0 && row.dataset.module === state.module.join("\u0000")));
    }
  });
}
