// Times over a size, one curve for each combination of the other sizes; the interval is shaded.

const LEAST_GAP = 44;  // Pixels between the names of two sizes.

// Of ascending sizes those that lie apart by a share of the axis, on which `at` places them.
function apart(sizes, at, share) {
  const kept = [];
  for (const size of sizes) if (!kept.length || at(size) - at(kept[kept.length - 1]) >= share) kept.push(size);
  return kept;
}

function curvesPlot() {
  const figure = byId("curves");
  const frame = figure.querySelector(".plot");
  const tip = figure.querySelector(".tip");
  const logarithmic = byId("logarithmic");
  const curves = DATA.curves;
  const sizes = [...new Set(curves.flatMap((curve) => curve.sizes))].sort((a, b) => a - b);
  const colours = curves.map((curve, number) => COLOURS[number % COLOURS.length]);
  const dashes = curves.map((curve, number) => (number < COLOURS.length ? [] : [6, 4]));
  let chosen = null;
  let plot = null;

  const pick = (curve, values) => sizes.map((place) => {
    const at = curve.sizes.indexOf(place);
    return at < 0 ? null : values(at);
  });

  // Three columns for each curve: its times and the ends of its intervals.
  function columns() {
    return [sizes, ...curves.flatMap((curve) => [
      pick(curve, (at) => curve.times[at]),
      pick(curve, (at) => (curve.intervals[at] ? curve.intervals[at][0] : null)),
      pick(curve, (at) => (curve.intervals[at] ? curve.intervals[at][1] : null)),
    ])];
  }

  function axis(label, texts, extra) {
    return {
      label, stroke: () => colour("--soft"), font: "12px system-ui", labelFont: "12px system-ui", labelSize: 22,
      grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line"), width: 1 },
      values: (drawn, places) => places.map((place) => (place === null ? null : texts(place))), ...extra,
    };
  }

  function series(number) {
    const bare = { stroke: "transparent", width: 0, spanGaps: true, points: { show: false } };
    const line = { stroke: colours[number], width: 2, dash: dashes[number], spanGaps: true, points: { show: false } };
    return [line, { ...bare }, { ...bare }];
  }

  function marks(drawn) {
    const { ctx } = drawn;
    ctx.save();
    curves.forEach((curve, number) => curve.sizes.forEach((place, at) => {
      const [x, y] = [drawn.valToPos(place, "x", true), drawn.valToPos(curve.times[at], "y", true)];
      const here = chosen && chosen.curve === number && chosen.at === at;
      ctx.beginPath();
      ctx.arc(x, y, (here ? 7 : 4) * uPlot.pxRatio, 0, 2 * Math.PI);
      ctx.fillStyle = curve.outside[at] > 0 ? colour("--back") : colours[number];
      ctx.fill();
      ctx.lineWidth = 2 * uPlot.pxRatio;
      ctx.strokeStyle = here ? colour("--ink") : colours[number];
      ctx.stroke();
    }));
    ctx.restore();
  }

  function textOf({ curve, at }) {
    const { name, sizes: places, times, intervals, outside } = curves[curve];
    const ends = intervals[at] ? `, ${seconds(intervals[at][0])} to ${seconds(intervals[at][1])}` : "";
    const strange = outside[at] > 0 ? `; ⚠ ${percent(outside[at])} of the time out of range` : "";
    return `${name ? `${name}, ` : ""}${DATA.across} ${places[at]}: ${seconds(times[at])}${ends}${strange}`;
  }

  function choose(point) {
    chosen = point;
    byId("curves-point").textContent = point ? textOf(point) : "";
    tip.hidden = !point;
    if (point) {
      tip.textContent = textOf(point);
      const curve = curves[point.curve];
      const left = plot.valToPos(curve.sizes[point.at], "x") + plot.over.offsetLeft + 14;
      tip.style.left = `${Math.max(0, Math.min(frame.clientWidth - tip.offsetWidth - 4, left))}px`;
      tip.style.top = `${plot.valToPos(curve.times[point.at], "y") + plot.over.offsetTop + frame.offsetTop + 12}px`;
    }
    plot.redraw(false, false);
  }

  function nearest(drawn) {
    const { left, top } = drawn.cursor;
    let best = null;
    let distance = 30 ** 2;
    curves.forEach((curve, number) => curve.sizes.forEach((place, at) => {
      const away = (drawn.valToPos(place, "x") - left) ** 2 + (drawn.valToPos(curve.times[at], "y") - top) ** 2;
      if (left >= 0 && away < distance) [best, distance] = [{ curve: number, at }, away];
    }));
    const same = best && chosen && best.curve === chosen.curve && best.at === chosen.at;
    if (!same && (best || drawn.cursor.left >= 0)) choose(best);
  }

  function ends() {
    const times = curves.flatMap((curve) => curve.times.flatMap((time, at) => [time, ...(curve.intervals[at] || [])]));
    const most = Math.max(...times);
    return logarithmic.checked ? [Math.min(...times) / 1.2, most * 1.2] : [0, most * 1.05];
  }

  function build() {
    const log = logarithmic.checked;
    const least = sizes[0];
    const most = sizes[sizes.length - 1];
    const pad = most > least ? (most - least) * 0.03 : Math.max(1, least * 0.1);
    const scale = log && least > 0 ? { distr: 3, range: [least / 1.1, most * 1.1] } : { range: [least - pad, most + pad] };
    const width = Math.max(240, Math.floor(frame.clientWidth));
    const { range: [first, last] } = scale;
    const at = (place) => (scale.distr ? Math.log(place / first) / Math.log(last / first) : (place - first) / (last - first));
    const [lower, upper] = ends();
    // Logarithmic axes of uPlot name powers of ten only: between two of them nothing would be told.
    const levels = log && upper / lower < 20 ? { splits: () => roundSteps(upper, 8).filter((time) => time >= lower) } : {};
    plot?.destroy();
    plot = new uPlot({
      width, height: Math.round(Math.min(480, Math.max(260, width * 0.45))), legend: { show: false },
      scales: { x: { time: false, ...scale }, y: { range: ends(), ...(log ? { distr: 3 } : {}) } },
      axes: [
        axis(DATA.across, String, { splits: () => apart(sizes, at, LEAST_GAP / (width - 100)), filter: (_, places) => places }),
        axis(DATA.up, seconds, { size: 74, filter: (_, places) => places, ...levels }),
      ],
      series: [{}, ...curves.flatMap((curve, number) => series(number))],
      bands: curves.map((curve, number) => ({ series: [3 * number + 3, 3 * number + 2], fill: `${colours[number]}26` })),
      cursor: { x: false, y: false, points: { show: false }, drag: { x: false, y: false } },
      hooks: { draw: [marks], setCursor: [nearest] },
    }, columns(), frame);
  }

  function go(event) {
    const acts = {
      ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0],
    };
    if (event.key === "Escape") choose(null);
    const by = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[event.key];
    if (!by || !curves.length) return;
    event.preventDefault();
    const number = chosen ? (chosen.curve + by[0] + curves.length) % curves.length : 0;
    const last = curves[number].sizes.length - 1;
    choose({ curve: number, at: chosen ? Math.max(0, Math.min(last, chosen.at + by[1])) : 0 });
  }

  byId("legend").append(...curves.filter((curve) => curve.name).map((curve) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colours[curves.indexOf(curve)];
    return element("span", { className: "key" }, swatch, curve.name);
  }));
  const times = curves.flatMap((curve) => curve.times);
  byId("curves-words").textContent = `${plural(curves.length, "curve")} over ${plural(sizes.length, "size")} of ${DATA.across}, `
    + `${sizes[0]} to ${sizes[sizes.length - 1]}: ${seconds(Math.min(...times))} to ${seconds(Math.max(...times))}. `
    + "The table below has all numbers.";
  frame.addEventListener("keydown", go);
  logarithmic.addEventListener("change", build);
  logarithmic.checked = sizes.length > 2 && sizes[0] > 0 && sizes[sizes.length - 1] / sizes[0] >= 8;
  new ResizeObserver(() => {
    if (plot && plot.width !== Math.floor(frame.clientWidth)) build();
  }).observe(frame);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw(false, true));
  build();
}

if (DATA.curves.length) curvesPlot();
else byId("curves").hidden = true;
