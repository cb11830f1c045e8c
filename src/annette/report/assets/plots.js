// What the timeline and the roofline have in common: uPlot draws axes and keeps scales; the marks are drawn here.

const CSS_PIXELS = () => uPlot.pxRatio;
const TIME_PADDING = [null, 24, null, 58];  // Of plots over time, in pixels: the same times stand below each other.

function axis(label, texts, extra) {
  return {
    label, stroke: () => colour("--soft"), font: "12px system-ui", labelFont: "12px system-ui", labelSize: 22,
    grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line"), width: 1 },
    values: (plot, places) => places.map((place) => (place === null ? null : texts(place))), ...extra,
  };
}

// Functions that zoom the plots of one link across, by its name: these plots show the same stretch.
const LINKED = new Map();

// A plot that can be hovered, clicked, zoomed by dragging and by keys, and that says in words what it shows.
//   parts: figure, the element it stands in; height(width); options, of uPlot; data; draw(plot, context);
//   at(plot), the number of the kernel under the pointer, or -1; home(), the whole range of its scales;
//   link, a name that plots have in common which are zoomed together.
function plotIn(parts) {
  const frame = parts.figure.querySelector(".plot");
  const tip = parts.figure.querySelector(".tip");
  const width = () => Math.max(240, Math.floor(frame.clientWidth));
  let plot = null;
  let view = {};

  // What is in sight is kept here: uPlot asks for it whenever it draws.
  function zoom(ends) {
    for (const follow of LINKED.get(parts.link) || [zoomAlone]) follow(follow === zoomAlone ? ends : { x: ends.x });
  }

  function zoomAlone(ends) {
    view = { ...view, ...ends };
    freshen();
    plot.batch(() => {
      for (const [key, [min, max]] of Object.entries(ends)) plot.setScale(key, { min, max });
    });
  }

  // Nothing is to be shown again where all is in sight.
  function freshen() {
    const same = ([key, ends]) => ends.every((end, at) => end === view[key][at]);
    parts.figure.querySelector(".reset").disabled = Object.entries(parts.home()).every(same);
  }

  function zoomSelection(drawn) {
    const { left, top, width: across, height: up } = drawn.select;
    if (across < 4 && up < 4) return;
    const ends = {};
    if (across >= 4) ends.x = [drawn.posToVal(left, "x"), drawn.posToVal(left + across, "x")];
    if (parts.zooms.y && up >= 4) ends.y = [drawn.posToVal(top + up, "y"), drawn.posToVal(top, "y")];
    drawn.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    zoom(ends);
  }

  function pointed(drawn) {
    const inside = drawn.cursor.left >= 0;
    const number = inside ? parts.at(drawn) : -1;
    frame.classList.toggle("pointing", number >= 0);
    tip.hidden = number < 0;
    if (number >= 0) {
      tip.replaceChildren(...tipOf(current().kernels[number]));
      const room = frame.clientWidth - tip.offsetWidth - 4;
      tip.style.left = `${Math.max(0, Math.min(room, drawn.cursor.left + drawn.over.offsetLeft + 14))}px`;
      tip.style.top = `${drawn.cursor.top + drawn.over.offsetTop + 16}px`;
    }
    hover(number, parts.figure.id);
  }

  function build() {
    const options = parts.options();
    view = parts.home();
    freshen();
    for (const key of Object.keys(view)) options.scales[key] = { ...options.scales[key], range: () => view[key] };
    plot?.destroy();
    plot = new uPlot({
      ...options, width: width(), height: parts.height(width()), legend: { show: false },
      cursor: {
        x: false, y: false, points: { show: false }, drag: { setScale: false, x: true, y: parts.zooms.y, uni: 12 },
        bind: { dblclick: () => () => zoom(parts.home()) },
      },
      hooks: { draw: [(drawn) => drawInside(drawn, parts.draw)], setCursor: [pointed], setSelect: [zoomSelection] },
    }, parts.data(), frame);
    plot.over.addEventListener("click", () => {
      const number = parts.at(plot);
      if (number >= 0) select(number, parts.figure.id);
    });
    plot.over.addEventListener("mouseleave", () => {
      tip.hidden = true;
      hover(-1, parts.figure.id);
    });
  }

  function zoomBy(factor) {
    const { min, max } = plot.scales.x;
    const [least, most] = parts.home().x;
    const middle = parts.middle(plot) ?? (parts.log ? Math.sqrt(min * max) : (min + max) / 2);
    const ends = parts.log
      ? [middle * (min / middle) ** factor, middle * (max / middle) ** factor]
      : [middle - (middle - min) * factor, middle + (max - middle) * factor];
    zoom({ x: [Math.max(least, ends[0]), Math.min(most, ends[1])] });
  }

  if (parts.link) LINKED.set(parts.link, [...(LINKED.get(parts.link) || []), zoomAlone]);
  frame.addEventListener("keydown", (event) => {
    const keys = {
      ArrowRight: () => step(1, parts.figure.id), ArrowLeft: () => step(-1, parts.figure.id),
      Home: () => step(-Infinity, parts.figure.id), End: () => step(Infinity, parts.figure.id),
      "+": () => zoomBy(0.5), "=": () => zoomBy(0.5), "-": () => zoomBy(2),
      0: () => zoom(parts.home()), Escape: () => select(-1, parts.figure.id),
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  parts.figure.querySelector(".reset").addEventListener("click", () => zoom(parts.home()));
  new ResizeObserver(() => {
    if (plot && plot.width !== width()) plot.setSize({ width: width(), height: parts.height(width()) });
  }).observe(frame);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot?.redraw(false, true));
  listeners.push((what) => {
    if (what === "estimate") build();
    else plot?.redraw(false, false);
    if (what === "estimate") parts.figure.querySelector(".words").textContent = parts.words();
  });
}

function drawInside(plot, draw) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  draw(plot, ctx);
  ctx.restore();
}

// Selects the next kernel, in order of execution, that passes the filters and costs something.
function step(by, source) {
  const shown = current().kernels.filter((kernel) => kernel.latency > 0 && passes(kernel));
  if (!shown.length) return;
  const here = shown.findIndex((kernel) => kernel.number >= state.selected);
  const at = here < 0 ? shown.length : here;
  const exact = here >= 0 && shown[here].number === state.selected;
  const next = state.selected < 0 ? (by < 0 && by > -Infinity ? shown.length - 1 : by === Infinity ? shown.length - 1 : 0)
    : exact || by < 0 ? at + by : at + by - 1;
  select(shown[Math.max(0, Math.min(shown.length - 1, next))].number, source);
}

function tipOf(kernel) {
  return [
    element("strong", {}, shortened(kernel.name, 60)), element("br"),
    `${words(kernel.kind)}, ${seconds(kernel.latency)} (${percent(kernel.share)})`, element("br"),
    `${count(kernel.ops)} ops, ${size(kernel.bytes)}, ${kernel.bound} bound`,
    ...(kernel.alive === null ? [] : [element("br"), `${size(kernel.alive)} of activations alive`]),
    ...(kernel.shape ? [element("br"), kernel.shape] : []),
    ...(kernel.in_range ? [] : [element("br"), "⚠ out of the fitted range"]),
  ];
}
