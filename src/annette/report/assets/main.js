// Details of the selected kernel, the filters, and the beginning.

function factsOf(kernel) {
  const facts = [
    ["kind", words(kernel.kind)],
    ["time", `${seconds(kernel.latency)}, ${percent(kernel.share)} of all kernels`],
  ];
  if (kernel.lower !== null) {
    facts.push([`${+(100 * current().confidence).toPrecision(4)} % interval`, `${seconds(kernel.lower)} to ${seconds(kernel.upper)}`]);
  }
  facts.push(["place", `${kernel.number + 1} of ${current().kernels.length}, from ${seconds(kernel.start)}`]);
  if (kernel.shape) facts.push(["shape", kernel.shape]);
  if (kernel.module.length) facts.push(["module", kernel.module.join(".")]);
  facts.push(["operations", `${count(kernel.ops)}, ${seconds(kernel.compute)} if only these counted`]);
  facts.push(["bytes", `${size(kernel.bytes)}, ${seconds(kernel.memory)} if only these counted`]);
  if (kernel.alive !== null) {
    const share = current().memory.peak > 0 ? `, ${percent(kernel.alive / current().memory.peak)} of the peak` : "";
    facts.push(["memory", `${size(kernel.alive)} of activations alive${share}`]);
  }
  if (kernel.ops && kernel.bytes) facts.push(["intensity", `${count(kernel.ops / kernel.bytes)} operations per byte`]);
  if (kernel.bound !== "free") facts.push(["bound by", `${kernel.bound}, at ${percent(kernel.utilisation)} of its roof`]);
  if (kernel.efficiency < 1) {
    const lost = kernel.lost > 0 ? `${seconds(kernel.lost)} lost` : "nothing lost: bytes take longer";
    facts.push(["unrolling", `fills ${percent(kernel.efficiency)} of the multipliers; ${lost}`]);
  }
  facts.push(["priced by", kernel.method]);
  for (const feature of kernel.outside) facts.push(["⚠ out of range", feature]);
  if (!kernel.in_range && !kernel.outside.length) facts.push(["⚠ out of range", "no fitted model prices it"]);
  return facts;
}

function layersOf(kernel) {
  if (kernel.layers.length) return kernel.layers;
  return [kernel.layer_count ? kernel.name : "none of the network: the runtime adds this kernel"];
}

function listOf(title, entries) {
  if (!entries.length) return [];
  return [element("h3", {}, title), element("ul", { className: "long" }, ...entries.map((entry) => element("li", {}, entry)))];
}

function details() {
  const box = byId("details");
  const content = byId("details-content");

  function fill() {
    const kernel = current().kernels[state.selected];
    box.classList.toggle("empty", !kernel);
    if (!kernel) {
      content.replaceChildren(element("p", {}, "Select a kernel in a plot or in the table."));
      return;
    }
    const facts = factsOf(kernel).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]);
    content.replaceChildren(
      element("p", { className: "kernel-name" }, swatch(kernel.kind), kernel.name), element("dl", {}, ...facts),
      ...listOf(`Layers in it (${kernel.layer_count})`, layersOf(kernel)),
      ...listOf("Rules that formed it", kernel.rules));
  }

  byId("previous").addEventListener("click", () => step(-1, "details"));
  byId("next").addEventListener("click", () => step(1, "details"));
  byId("close").addEventListener("click", () => select(-1, "details"));
  listeners.push((what) => {
    if (what === "estimate" || what === "selected") fill();
  });
}

function filters() {
  const text = byId("search");
  const kind = byId("kind");
  const bound = byId("bound");
  const outside = byId("outside");
  let waiting = 0;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => filter({ text: text.value.trim().toLowerCase() }), 120);
  });
  kind.addEventListener("change", () => filter({ kind: kind.value }));
  bound.addEventListener("change", () => filter({ bound: bound.value }));
  outside.addEventListener("change", () => filter({ outside: outside.checked }));
  byId("clear").addEventListener("click", () => filter({ text: "", kind: "", bound: "", module: [], outside: false }));
  listeners.push((what) => {
    if (what === "estimate") {
      const names = current().kinds.map((each) => element("option", { value: each.name }, words(each.name)));
      kind.replaceChildren(element("option", { value: "" }, "all kinds"), ...names);
    }
    if (what !== "filter" && what !== "estimate") return;
    if (!state.text) text.value = "";
    kind.value = state.kind;
    bound.value = state.bound;
    outside.checked = state.outside;
    byId("module-chosen").textContent = state.module.length ? `module ${state.module.join(".")}` : "";
  });
}

function choice() {
  for (const radio of document.querySelectorAll("input[name=estimate]")) {
    radio.addEventListener("change", () => {
      Object.assign(state, { estimate: Number(radio.value), selected: -1, hovered: -1, kind: "", module: [], bound: "" });
      changed("estimate");
    });
  }
  listeners.push((what) => {
    if (what !== "estimate") return;
    document.querySelectorAll("section.estimate").forEach((section, number) => {
      section.hidden = number !== state.estimate;
    });
  });
}

choice();
filters();
kindRows();
moduleRows();
kernelTable();
details();
byId("explorer").hidden = false;
timeline();
memoryOverTime();
roofline();
changed("estimate");
