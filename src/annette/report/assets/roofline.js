// Every kernel by its operations per byte and the operations per second that it reaches, below the roofs.

function roofline() {
  let points = [];
  let roofs = { peak: 0, bandwidth: 0 };
  let ends = { x: [1, 10], y: [1, 10] };

  // What its model reckons with for a kernel: operations and bytes per second at best.
  const peakOf = (kernel) => (kernel.compute > 0 ? kernel.ops / (kernel.compute * kernel.efficiency) : Infinity);
  const bandwidthOf = (kernel) => (kernel.memory > 0 ? kernel.bytes / kernel.memory : Infinity);

  // A rate is known where it decides: models of kernels that only move bytes may state any rate of operations.
  function highest(kernels, bound, rateOf, reached) {
    const rates = kernels.filter((kernel) => kernel.bound === bound).map(rateOf).filter(Number.isFinite);
    return Math.max(...kernels.map(reached), ...rates, 0);
  }

  function prepare() {
    const kernels = current().kernels.filter((kernel) => kernel.latency > 0 && kernel.bytes > 0);
    const counted = kernels.filter((kernel) => kernel.ops > 0);
    roofs = {
      peak: highest(counted, "compute", peakOf, (kernel) => kernel.ops / kernel.latency),
      bandwidth: highest(kernels, "memory", bandwidthOf, (kernel) => kernel.bytes / kernel.latency),
    };
    const intensities = counted.map((kernel) => kernel.ops / kernel.bytes);
    const least = Math.min(...intensities, 1) / 3;
    const most = Math.max(...intensities, (3 * roofs.peak) / roofs.bandwidth || 1) * 2;
    // A kernel without operations stands at the left edge, as far below the slope as its bytes per second are.
    points = kernels.map((kernel) => {
      const x = kernel.ops > 0 ? kernel.ops / kernel.bytes : least * 1.25;
      return { kernel, x, y: kernel.ops > 0 ? kernel.ops / kernel.latency : (x * kernel.bytes) / kernel.latency };
    });
    const rates = points.map((point) => point.y);
    ends = { x: [least, most], y: [Math.min(...rates, roofs.peak || 1) / 2, Math.max(...rates, roofs.peak) * 2.5] };
  }

  // Powers of ten; with less than two and a half of them in sight, also 2 and 5 times these.
  function places(plot, number, min, max) {
    const steps = Math.log10(max / min) < 2.5 ? [1, 2, 5] : [1];
    const found = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power += 1) {
      for (const step of steps) found.push(Number(`${step}e${power}`));
    }
    return found.filter((place) => place >= min && place <= max);
  }

  function roof(plot, context, peak, bandwidth) {
    const { min, max } = plot.scales.x;
    context.beginPath();
    const begin = Math.min(peak, min * bandwidth);
    context.moveTo(plot.valToPos(min, "x", true), plot.valToPos(begin, "y", true));
    const ridge = peak / bandwidth;
    if (ridge > min && ridge < max) context.lineTo(plot.valToPos(ridge, "x", true), plot.valToPos(peak, "y", true));
    context.lineTo(plot.valToPos(max, "x", true), plot.valToPos(Math.min(peak, max * bandwidth), "y", true));
    context.stroke();
  }

  const all = (plot, found) => found;
  const short = (value) => (value < 1 ? String(value) : count(value));

  function mark(context, point, x, y, radius) {
    context.beginPath();
    if (point.kernel.ops === 0) {
      context.moveTo(x, y - radius);
      context.lineTo(x + radius, y + radius);
      context.lineTo(x - radius, y + radius);
      context.closePath();
    } else if (point.kernel.bound === "memory") {
      context.rect(x - radius * 0.85, y - radius * 0.85, radius * 1.7, radius * 1.7);
    } else {
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
  }

  const radiusOf = (kernel) => (2.5 + 22 * Math.sqrt(Math.min(kernel.share, 0.3))) * CSS_PIXELS();

  function draw(plot, context) {
    context.font = `${12 * CSS_PIXELS()}px system-ui`;
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1.5 * CSS_PIXELS();
    if (roofs.peak > 0 && roofs.bandwidth > 0) {
      roof(plot, context, roofs.peak, roofs.bandwidth);
      context.fillStyle = colour("--ink");
      context.textAlign = "right";
      const right = plot.bbox.left + plot.bbox.width - 6 * CSS_PIXELS();
      context.fillText(rate(roofs.peak, "ops/s"), right, plot.valToPos(roofs.peak, "y", true) - 6 * CSS_PIXELS());
      slopeText(plot, context);
    }
    const any = filtered();
    const drawn = new Set();
    for (const point of points) {
      const [x, y] = [plot.valToPos(point.x, "x", true), plot.valToPos(point.y, "y", true)];
      const faint = any && !passes(point.kernel);
      // Repeated blocks put many kernels on one point.
      const place = `${Math.round(x)} ${Math.round(y)} ${point.kernel.kind} ${faint} ${Math.round(radiusOf(point.kernel))}`;
      if (drawn.has(place)) continue;
      drawn.add(place);
      context.globalAlpha = faint ? 0.07 : 0.75;
      context.fillStyle = kindColour(point.kernel.kind);
      mark(context, point, x, y, radiusOf(point.kernel));
      context.fill();
      context.strokeStyle = colour("--back");
      context.lineWidth = CSS_PIXELS();
      context.stroke();
    }
    context.globalAlpha = 1;
    for (const number of [state.hovered, state.selected]) if (number >= 0) ring(plot, context, number);
  }

  function slopeText(plot, context) {
    const text = rate(roofs.bandwidth, "B/s");
    const begin = Math.max(plot.scales.x.min, plot.scales.y.min / roofs.bandwidth);
    const ridge = Math.min(roofs.peak / roofs.bandwidth, plot.scales.x.max);
    if (ridge <= begin) return;
    const place = (at) => [plot.valToPos(at, "x", true), plot.valToPos(at * roofs.bandwidth, "y", true)];
    const at = begin ** 0.55 * ridge ** 0.45;
    const [[x, y], [left, low], [right, high]] = [place(at), place(begin), place(ridge)];
    const [dx, dy] = [right - left, high - low];
    // What is longer than the slope would be cut off by the edge of the plot.
    if (Math.hypot(dx, dy) < context.measureText(text).width + 12 * CSS_PIXELS()) return;
    context.save();
    context.translate(x, y);
    context.rotate(Math.atan2(dy, dx));
    context.textAlign = "center";
    context.fillText(text, 0, -6 * CSS_PIXELS());
    context.restore();
  }

  // Rings a kernel, and draws the roof that its own model reckons with.
  function ring(plot, context, number) {
    const point = points.find((each) => each.kernel.number === number);
    if (!point) return;
    context.strokeStyle = colour("--ink");
    context.lineWidth = (number === state.selected ? 2.5 : 1.5) * CSS_PIXELS();
    mark(context, point, plot.valToPos(point.x, "x", true), plot.valToPos(point.y, "y", true),
      radiusOf(point.kernel) + 3 * CSS_PIXELS());
    context.stroke();
    if (number !== state.selected) return;
    const [peak, bandwidth] = [peakOf(point.kernel), bandwidthOf(point.kernel)];
    context.setLineDash([6 * CSS_PIXELS(), 4 * CSS_PIXELS()]);
    context.lineWidth = 1.2 * CSS_PIXELS();
    if (Number.isFinite(bandwidth)) roof(plot, context, Number.isFinite(peak) ? peak : ends.y[1], bandwidth);
    context.setLineDash([]);
  }

  function nearest(plot) {
    let best = -1;
    let least = 14 ** 2;
    const any = filtered();
    for (const point of points) {
      if (any && !passes(point.kernel)) continue;
      const dx = plot.valToPos(point.x, "x") - plot.cursor.left;
      const dy = plot.valToPos(point.y, "y") - plot.cursor.top;
      const distance = dx * dx + dy * dy;
      if (distance < least) [best, least] = [point.kernel.number, distance];
    }
    return best;
  }

  plotIn({
    figure: byId("roofline"), zooms: { y: true }, log: true,
    height: (width) => Math.round(Math.min(460, Math.max(300, width * 0.6))),
    home: () => ends,
    middle: () => points.find((point) => point.kernel.number === state.selected)?.x ?? null,
    data: () => [[1e-30, 1e30], [null, null]],
    options: () => {
      prepare();
      return {
        scales: { x: { time: false, distr: 3 }, y: { distr: 3 } }, series: [{}, { show: true }],
        axes: [
          axis("operations per byte", short, { space: 45, splits: places, filter: all }),
          axis("operations per second", (value) => rate(value, "").trim(), { size: 66, space: 30, splits: places, filter: all }),
        ],
      };
    },
    draw,
    at: nearest,
    words: () => {
      const time = (bound) => current().kernels.reduce((sum, each) => sum + (each.bound === bound ? each.share : 0), 0);
      const still = points.filter((point) => point.kernel.ops === 0).length;
      const aside = still ? ` ${plural(still, "kernel")} without operations (triangles) stand at the left edge.` : "";
      return `${percent(time("compute"))} of the kernels' time is bound by computing (circles), ` +
        `${percent(time("memory"))} by memory (squares); areas go with time. The line is the highest rate of any ` +
        `kind here: ${rate(roofs.peak, "ops/s")} and ${rate(roofs.bandwidth, "B/s")}; a dashed one is what the model ` +
        `of the selected kernel reckons with.${aside}`;
    },
  });
}
