// Kernels in order of execution, below the modules that they belong to.

const LANE = 22;
const MOST_DEPTH = 4;
const MODULE_COLOURS = ["--module-a", "--module-b"];

// Stretches of neighbours that belong to one module, for each depth.
function moduleLanes(kernels) {
  const deepest = kernels.reduce((depth, kernel) => Math.max(depth, Math.min(MOST_DEPTH, kernel.module.length)), 0);
  const lanes = [];
  for (let depth = 0; depth < deepest; depth += 1) {
    const lane = [];
    let last = null;
    for (const kernel of kernels) {
      if (kernel.latency === 0) continue;
      const path = kernel.module.slice(0, depth + 1);
      const key = path.length > depth ? path.join("\u0000") : null;
      const end = kernel.start + kernel.latency;
      if (last && last.key === key) last.end = end;
      else if (key === null) last = null;
      else lane.push((last = { key, path, start: kernel.start, end, label: path[depth] }));
    }
    lanes.push(lane);
  }
  return lanes;
}

// The kernel at a time: of those that cost time, the last that begins before it.
function kernelAt(time) {
  const { costly, kernels_s: sum } = current();
  let low = 0;
  let high = costly.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (costly[middle].start <= time) low = middle;
    else high = middle - 1;
  }
  return costly.length && time <= sum ? costly[low].number : -1;
}

function timeline() {
  let lanes = [];
  let drawn = "";
  const rows = () => lanes.length + 1.6;
  const end = () => Math.max(current().latency, current().kernels_s);

  function box(plot, context, item, top, height, fill, alpha) {
    const left = plot.valToPos(item.start, "x", true);
    const right = plot.valToPos(item.end, "x", true);
    if (right < plot.bbox.left || left > plot.bbox.left + plot.bbox.width) return;
    // Marks that fall into a pixel of their own kind's colour would only be drawn over.
    const pixel = `${fill} ${top} ${Math.floor(left)}`;
    if (right - left < 0.5 * CSS_PIXELS() && pixel === drawn) return;
    drawn = pixel;
    const gap = right - left > 3 * CSS_PIXELS() ? CSS_PIXELS() : 0;
    context.globalAlpha = alpha;
    context.fillStyle = fill;
    context.fillRect(left, top, Math.max(right - left - gap, 0.5 * CSS_PIXELS()), height);
    const from = Math.max(left, plot.bbox.left);
    const room = Math.min(right, plot.bbox.left + plot.bbox.width) - from - 8 * CSS_PIXELS();
    context.fillStyle = fill.startsWith("#") ? inkOn(fill) : colour("--ink");
    const letters = Math.floor(room / (6.4 * CSS_PIXELS()));
    if (letters < Math.min(6, item.label.length)) return;
    context.fillText(shortened(item.label, letters), from + 4 * CSS_PIXELS(), top + height / 2);
  }

  function draw(plot, context) {
    const unit = plot.bbox.height / rows();
    drawn = "";
    context.font = `${11 * CSS_PIXELS()}px system-ui`;
    context.textBaseline = "middle";
    lanes.forEach((lane, depth) => {
      lane.forEach((item, number) => {
        const chosen = state.module.every((part, at) => at > depth || item.path[at] === part);
        const fill = colour(MODULE_COLOURS[(number + depth) % 2]);
        box(plot, context, item, plot.bbox.top + depth * unit, unit - CSS_PIXELS(), fill, chosen ? 1 : 0.3);
      });
    });
    const top = plot.bbox.top + lanes.length * unit;
    const any = filtered();
    for (const kernel of current().costly) {
      const alpha = any && !passes(kernel) ? 0.15 : 1;
      box(plot, context, { start: kernel.start, end: kernel.start + kernel.latency, label: kernel.name.split("/").pop() },
        top, 1.6 * unit, kindColour(kernel.kind), alpha);
    }
    const { kernels_s: sum, latency } = current();
    if (latency > sum) {
      box(plot, context, { start: sum, end: latency, label: "beside the kernels" }, top, 1.6 * unit, OVERHEAD_COLOUR, 1);
    }
    context.globalAlpha = 1;
    for (const number of [state.hovered, state.selected]) if (number >= 0) outline(plot, context, number);
  }

  function outline(plot, context, number) {
    const kernel = current().kernels[number];
    const left = plot.valToPos(kernel.start, "x", true);
    const right = Math.max(plot.valToPos(kernel.start + kernel.latency, "x", true), left + 2 * CSS_PIXELS());
    const unit = plot.bbox.height / rows();
    const selected = number === state.selected;
    context.strokeStyle = colour("--ink");
    context.lineWidth = (selected ? 3 : 1.5) * CSS_PIXELS();
    const inset = context.lineWidth / 2;
    context.strokeRect(left, plot.bbox.top + lanes.length * unit + inset, right - left, 1.6 * unit - 2 * inset);
  }

  plotIn({
    figure: byId("timeline"), zooms: { y: false }, log: false, link: "time",
    height: () => Math.round(rows() * LANE + 50),
    home: () => ({ x: [0, end()], y: [0, 1] }),
    middle: () => (state.selected < 0 ? null : current().kernels[state.selected].start),
    data: () => [[0, end()], [null, null]],
    options: () => {
      lanes = moduleLanes(current().kernels);
      return {
        scales: { x: { time: false }, y: {} }, series: [{}, { show: true }], padding: TIME_PADDING,
        axes: [axis("time from the beginning of a run", seconds, { space: 80 }), { show: false }],
      };
    },
    draw,
    at: (plot) => kernelAt(plot.posToVal(plot.cursor.left, "x")),
    words: () => {
      const costly = current().costly;
      const longest = [...costly].sort((a, b) => b.latency - a.latency).slice(0, 3);
      const named = longest.map((kernel) => `${shortened(kernel.name, 60)} (${percent(kernel.share)})`).join(", ");
      const { latency, kernels_s: sum } = current();
      const beside = latency > sum * 1.0005 ? ` ${seconds(latency - sum)} pass beside the kernels.` : "";
      return `${plural(costly.length, "kernel")} that cost time, one after the other in ${seconds(sum)}.${beside} ` +
        `The longest: ${named}. Drag to zoom; double-click shows all.`;
    },
  });
}
