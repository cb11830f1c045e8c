// Activations alive while each kernel runs, over the same time as the timeline.

const FILLED = 0.4;
const DIMMED = 0.12;

function memoryOverTime() {
  const figure = byId("memory");
  const known = () => current().memory.alive.length > 0;
  const end = () => Math.max(current().latency, current().kernels_s);
  const most = () => Math.max(1, current().memory.peak, current().memory.allocated || 0);

  // A dashed line across, and the height of the text above it.
  function level(plot, context, value, dashes) {
    const y = Math.round(plot.valToPos(value, "y", true));
    context.setLineDash(dashes.map((length) => length * CSS_PIXELS()));
    context.beginPath();
    context.moveTo(plot.bbox.left, y);
    context.lineTo(plot.bbox.left + plot.bbox.width, y);
    context.stroke();
    context.setLineDash([]);
    return y - 4 * CSS_PIXELS();
  }

  // Text with a rim of the page's colour, so that neither lines nor columns cross its letters.
  function label(context, text, right, y) {
    context.strokeText(text, right, y);
    context.fillText(text, right, y);
    return right - context.measureText(text).width - 14 * CSS_PIXELS();
  }

  // The peak and what is allocated for it; where their lines lie close together, their texts stand side by side.
  function levels(plot, context) {
    const { peak, allocated } = current().memory;
    let right = plot.bbox.left + plot.bbox.width - 4 * CSS_PIXELS();
    context.strokeStyle = colour("--ink");
    const peakY = level(plot, context, peak, [6, 4]);
    const known = allocated > peak * 1.005;
    const allocatedY = known ? level(plot, context, allocated, [2, 3]) : NaN;
    context.strokeStyle = colour("--back");
    context.lineWidth = 4 * CSS_PIXELS();
    context.lineJoin = "round";
    context.fillStyle = colour("--ink");
    context.textAlign = "right";
    if (known) {
      const beside = label(context, `allocated ${size(allocated)}`, right, allocatedY);
      if (peakY - allocatedY < 15 * CSS_PIXELS()) right = beside;
    }
    label(context, `peak ${size(peak)}`, right, peakY);
  }

  // Left and right end, and top, of a kernel's column; at least a pixel wide, so that kernels without time are seen.
  function column(plot, kernel) {
    const left = Math.round(plot.valToPos(kernel.start, "x", true));  // Between whole pixels, no seams are seen.
    const right = Math.max(Math.round(plot.valToPos(kernel.start + kernel.latency, "x", true)), left + CSS_PIXELS());
    return { left, right, top: plot.valToPos(kernel.alive, "y", true) };
  }

  function columns(plot, context) {
    const bottom = plot.valToPos(0, "y", true);
    const any = filtered();
    let last = { left: NaN, top: Infinity };
    context.fillStyle = colour("--a");
    for (const kernel of current().kernels) {
      const { left, right, top } = column(plot, kernel);
      if (right < plot.bbox.left || left > plot.bbox.left + plot.bbox.width) continue;
      // Of columns within one pixel only those that rise above the others are seen.
      if (right - left <= CSS_PIXELS() && left === last.left && top >= last.top) continue;
      last = { left, top };
      context.globalAlpha = any && !passes(kernel) ? DIMMED : FILLED;
      context.fillRect(left, top, right - left, bottom - top);
      context.globalAlpha = 1;
      context.fillRect(left, top, right - left, 1.5 * CSS_PIXELS());
    }
  }

  function draw(plot, context) {
    context.font = `${11 * CSS_PIXELS()}px system-ui`;
    context.lineWidth = CSS_PIXELS();
    columns(plot, context);
    levels(plot, context);
    for (const number of [state.hovered, state.selected]) if (number >= 0) outline(plot, context, number);
  }

  function outline(plot, context, number) {
    const { left, right, top } = column(plot, current().kernels[number]);
    context.strokeStyle = colour("--ink");
    context.lineWidth = (number === state.selected ? 3 : 1.5) * CSS_PIXELS();
    context.strokeRect(left, top, right - left, plot.valToPos(0, "y", true) - top);
  }

  // What is not known is said, and no empty frame is drawn.
  function show() {
    for (const part of figure.querySelectorAll(".plot, .keys, .head button")) part.hidden = !known();
  }

  byId("peak").addEventListener("click", () => {
    const alive = current().memory.alive;
    select(alive.indexOf(Math.max(...alive)), figure.id);
  });
  listeners.push((what) => {
    if (what === "estimate") show();
  });
  plotIn({
    figure, zooms: { y: false }, log: false, link: "time",
    height: () => 190,
    home: () => ({ x: [0, end()], y: [0, most() * 1.2] }),
    middle: () => (state.selected < 0 ? null : current().kernels[state.selected].start),
    data: () => [[0, end()], [null, null]],
    options: () => ({
      scales: { x: { time: false }, y: {} }, series: [{}, { show: true }], padding: [null, TIME_PADDING[1], null, 0],
      axes: [
        axis("time from the beginning of a run", seconds, { space: 80 }),
        axis(null, size, { size: TIME_PADDING[3], ticks: { show: false }, splits: () => roundSteps(most(), 4) }),
      ],
    }),
    draw: (plot, context) => known() && draw(plot, context),
    at: (plot) => kernelAt(plot.posToVal(plot.cursor.left, "x")),
    words: memoryWords,
  });
}

function memoryWords() {
  const memory = current().memory;
  const weights = `Weights of ${size(memory.weights)} lie beside.`;
  if (!memory.alive.length) return `Not known: ${memory.reason || "no plan of the memory"}. ${weights}`;
  const parts = Object.entries(memory.by_memory).map(([name, bytes]) => `${size(bytes)} ${name}`).join(" + ");
  const allocated = memory.allocated === null ? "" : `, for which ${parts || size(memory.allocated)} are allocated`;
  const inputs = memory.inputs ? "" : " beside the inputs, which the caller holds,";
  const how = memory.method === "liveness"
    ? "Whole tensors from their first to their last use: what any runtime needs at least that does not cut them."
    : `By the plan of ${memory.method}.`;
  return `At the most ${size(memory.peak)} of activations are alive${inputs} at ${shortened(memory.peak_kernel, 60)}${allocated}. ` +
    `${weights} ${how}`;
}
